/* Coding of the log's bytes. The tables are at the head of segments.c; this file refuses to know
 * files. */
#include "replica/segments_format.h"

#include <xxhash.h>

#define SEGMENT_VERSION 2
#define META_VERSION 1

static const uint8_t segment_magic[8] = {'C', 'O', 'R', 'V', 'O', 'L', 'O', 'G'};
static const uint8_t successor_magic[8] = {'C', 'O', 'R', 'V', 'N', 'E', 'X', 'T'};
static const uint8_t meta_magic[8] = {'C', 'O', 'R', 'V', 'O', 'M', 'E', 'T'};

static void put32(uint8_t *bytes, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put64(uint8_t *bytes, uint64_t value)
{
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get32(const uint8_t *bytes)
{
    uint32_t value = 0;

    for (size_t i = 4; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

static uint64_t get64(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (size_t i = 8; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

/* Whether [from, end) is zero, as encoders leave what they do not use: so that what decodes encodes
 * to the same bytes. */
static bool is_unused(const uint8_t *bytes, size_t from, size_t end)
{
    return from == end ||
           (bytes[from] == 0 && memcmp(bytes + from, bytes + from + 1, end - from - 1) == 0);
}

size_t record_size(size_t payload_size)
{
    assert(payload_size <= ENTRY_SIZE_MAX);
    return RECORD_HEADER_SIZE + ((payload_size + 7) & ~(size_t)7);
}

void record_encode(const struct record *record, uint8_t *ret_bytes)
{
    size_t size = record_size(record->payload.size);
    size_t end = RECORD_HEADER_SIZE + record->payload.size;

    assert(record->index > 0 && record->durable_index < record->index);
    put32(ret_bytes + 8, (uint32_t)record->payload.size);
    put32(ret_bytes + 12, (uint32_t)record->type);
    put64(ret_bytes + 16, record->index);
    put64(ret_bytes + 24, record->term);
    put64(ret_bytes + 32, record->cluster_id);
    put64(ret_bytes + 40, record->durable_index);
    if (record->payload.size > 0) {
        memcpy(ret_bytes + RECORD_HEADER_SIZE, record->payload.data, record->payload.size);
    }
    memset(ret_bytes + end, 0, size - end);
    put64(ret_bytes, XXH3_64bits(ret_bytes + 8, size - 8));
}

size_t record_peek_size(const uint8_t header[RECORD_HEADER_SIZE])
{
    uint32_t payload_size = get32(header + 8);

    return payload_size <= ENTRY_SIZE_MAX ? record_size(payload_size) : 0;
}

bool record_decode(struct slice bytes, struct record *ret_record)
{
    struct record record = {0};
    uint32_t type;
    size_t size;

    if (bytes.size < RECORD_HEADER_SIZE) {
        return false;
    }
    size = record_peek_size(bytes.data);
    if (size == 0 || size > bytes.size) {
        return false;
    }
    if (get64(bytes.data) != XXH3_64bits(bytes.data + 8, size - 8)) {
        return false;
    }
    type = get32(bytes.data + 12);
    if (type < RECORD_COMMAND || type > RECORD_CHANGE) {
        return false;
    }
    record.type = (enum record_type)type;
    record.index = get64(bytes.data + 16);
    record.term = get64(bytes.data + 24);
    record.cluster_id = get64(bytes.data + 32);
    record.durable_index = get64(bytes.data + 40);
    record.payload = slice_of(bytes.data + RECORD_HEADER_SIZE, get32(bytes.data + 8));
    if (record.index == 0 || record.term == 0 || record.durable_index >= record.index ||
        !is_unused(bytes.data, RECORD_HEADER_SIZE + record.payload.size, size)) {
        return false;
    }
    *ret_record = record;
    return true;
}

void segment_header_encode(const struct segment_header *header, uint8_t *ret_bytes)
{
    assert(header->configuration.size <= SEGMENT_CONFIGURATION_MAX);
    memset(ret_bytes, 0, SEGMENT_HEADER_SIZE);
    memcpy(ret_bytes, segment_magic, sizeof segment_magic);
    put32(ret_bytes + 16, SEGMENT_VERSION);
    put32(ret_bytes + 20, (uint32_t)header->configuration.size);
    put64(ret_bytes + 24, header->cluster_id);
    put64(ret_bytes + 32, header->sequence);
    put64(ret_bytes + 40, header->first_index);
    put64(ret_bytes + 48, header->previous_term);
    put64(ret_bytes + 56, header->file_size);
    put64(ret_bytes + 64, header->configuration_index);
    if (header->configuration.size > 0) {
        memcpy(ret_bytes + 72, header->configuration.data, header->configuration.size);
    }
    put64(ret_bytes + 8, XXH3_64bits(ret_bytes + 16, SEGMENT_HEADER_SIZE - 16));
}

enum err_code segment_header_decode(struct slice bytes, struct segment_header *ret_header,
                                    struct err *err)
{
    struct segment_header header = {0};
    uint32_t configuration_size;

    if (bytes.size < SEGMENT_HEADER_SIZE ||
        memcmp(bytes.data, segment_magic, sizeof segment_magic) != 0) {
        return err_set(err, ERR_CORRUPT, "no segment header at offset 0");
    }
    if (get64(bytes.data + 8) != XXH3_64bits(bytes.data + 16, SEGMENT_HEADER_SIZE - 16)) {
        return err_set(err, ERR_CORRUPT, "the header's checksum at offset 8 does not match");
    }
    if (get32(bytes.data + 16) != SEGMENT_VERSION) {
        return err_set(err, ERR_UNSUPPORTED, "log format version %u at offset 16, not %d",
                       get32(bytes.data + 16), SEGMENT_VERSION);
    }
    configuration_size = get32(bytes.data + 20);
    header.cluster_id = get64(bytes.data + 24);
    header.sequence = get64(bytes.data + 32);
    header.first_index = get64(bytes.data + 40);
    header.previous_term = get64(bytes.data + 48);
    header.file_size = get64(bytes.data + 56);
    header.configuration_index = get64(bytes.data + 64);
    if (configuration_size > SEGMENT_CONFIGURATION_MAX || header.first_index == 0 ||
        header.configuration_index >= header.first_index || header.file_size < SEGMENT_SIZE_MIN ||
        !is_unused(bytes.data, 72 + configuration_size, SEGMENT_HEADER_SIZE)) {
        return err_set(err, ERR_CORRUPT, "the header's fields at offset 16 contradict each other");
    }
    header.configuration = slice_of(bytes.data + 72, configuration_size);
    *ret_header = header;
    return ERR_NONE;
}

void segment_successor_encode(const struct segment_successor *successor, uint8_t *ret_bytes)
{
    memset(ret_bytes, 0, SEGMENT_SUCCESSOR_SIZE);
    memcpy(ret_bytes, successor_magic, sizeof successor_magic);
    put64(ret_bytes + 16, successor->cluster_id);
    put64(ret_bytes + 24, successor->sequence);
    put64(ret_bytes + 32, successor->file_size);
    put64(ret_bytes + 8, XXH3_64bits(ret_bytes + 16, SEGMENT_SUCCESSOR_SIZE - 16));
}

bool segment_successor_decode(struct slice bytes, struct segment_successor *ret_successor)
{
    if (bytes.size != SEGMENT_SUCCESSOR_SIZE ||
        memcmp(bytes.data, successor_magic, sizeof successor_magic) != 0 ||
        get64(bytes.data + 8) != XXH3_64bits(bytes.data + 16, SEGMENT_SUCCESSOR_SIZE - 16) ||
        !is_unused(bytes.data, 40, SEGMENT_SUCCESSOR_SIZE)) {
        return false;
    }
    ret_successor->cluster_id = get64(bytes.data + 16);
    ret_successor->sequence = get64(bytes.data + 24);
    ret_successor->file_size = get64(bytes.data + 32);
    return true;
}

void meta_slot_encode(const struct meta_slot *slot, uint8_t *ret_bytes)
{
    memset(ret_bytes, 0, META_SLOT_SIZE);
    memcpy(ret_bytes, meta_magic, sizeof meta_magic);
    put32(ret_bytes + 16, META_VERSION);
    put64(ret_bytes + 24, slot->cluster_id);
    put64(ret_bytes + 32, slot->sequence);
    put64(ret_bytes + 40, slot->term);
    put64(ret_bytes + 48, slot->vote);
    put64(ret_bytes + 56, slot->durable_index);
    put64(ret_bytes + 8, XXH3_64bits(ret_bytes + 16, META_SLOT_SIZE - 16));
}

enum err_code meta_slot_decode(struct slice bytes, struct meta_slot *ret_slot, struct err *err)
{
    if (bytes.size < META_SLOT_SIZE || memcmp(bytes.data, meta_magic, sizeof meta_magic) != 0) {
        return err_set(err, ERR_CORRUPT, "no meta slot at offset 0");
    }
    if (get64(bytes.data + 8) != XXH3_64bits(bytes.data + 16, META_SLOT_SIZE - 16)) {
        return err_set(err, ERR_CORRUPT, "the slot's checksum at offset 8 does not match");
    }
    if (get32(bytes.data + 16) != META_VERSION) {
        return err_set(err, ERR_UNSUPPORTED, "meta format version %u at offset 16, not %d",
                       get32(bytes.data + 16), META_VERSION);
    }
    if (get32(bytes.data + 20) != 0) {
        return err_set(err, ERR_CORRUPT, "the slot's bytes at offset 20 are not zero");
    }
    ret_slot->cluster_id = get64(bytes.data + 24);
    ret_slot->sequence = get64(bytes.data + 32);
    ret_slot->term = get64(bytes.data + 40);
    ret_slot->vote = get64(bytes.data + 48);
    ret_slot->durable_index = get64(bytes.data + 56);
    return ERR_NONE;
}
