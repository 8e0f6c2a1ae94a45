/* See mem_disk.h. Each file is a node with its visible bytes, its durable bytes and the changes
 * between them; the directory likewise. */
#include "tests/unit/mem_disk.h"

#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 64
#define NAMES_MAX 1024
#define FILES_MAX 256
#define SECTOR ((size_t)512)
#define CALL_KINDS 10

/* An unsynced change of a node: a write, or with NULL bytes a new size. */
struct change {
    struct change *next;
    uint64_t offset; /* Or the size. */
    size_t size;
    uint8_t *bytes;
};

struct node {
    struct node *next;
    uint8_t *visible, *durable;
    size_t visible_size, durable_size;
    struct change *changes, **changes_tail;
    bool damaged; /* A sync failed: visible and durable may differ for good. */
};

struct name {
    char text[NAME_SIZE];
    struct node *node;
};

struct directory {
    struct name names[NAMES_MAX];
    size_t count;
};

/* An unsynced change of the directory: `text` becomes `node`, or goes when that is NULL. */
struct name_change {
    struct name_change *next;
    struct name gone; /* Removed by it; empty text = none. */
    struct name come; /* Added by it; empty text = none. */
};

struct mem_disk {
    struct disk interface;
    uint64_t random;
    struct node *nodes;
    struct directory visible, durable;
    struct name_change *name_changes, **name_changes_tail;
    struct node *files[FILES_MAX];
    struct mem_disk_fault fault;
    uint64_t power; /* Changing calls that still pass. */
    bool dark;
    uint64_t capacity;
    uint64_t counts[CALL_KINDS];
};

static uint64_t next_random(struct mem_disk *disk)
{
    uint64_t x = disk->random += UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static struct name *find(struct directory *directory, const char *text)
{
    for (size_t i = 0; i < directory->count; i++) {
        if (strcmp(directory->names[i].text, text) == 0) {
            return &directory->names[i];
        }
    }
    return NULL;
}

static void put_name(struct directory *directory, const struct name *name)
{
    struct name *old = find(directory, name->text);

    if (!old) {
        assert(directory->count < NAMES_MAX);
        old = &directory->names[directory->count++];
    }
    *old = *name;
}

static void drop_name(struct directory *directory, const char *text)
{
    struct name *old = find(directory, text);

    if (old) {
        *old = directory->names[--directory->count];
    }
}

static void apply_name_change(struct directory *directory, const struct name_change *change)
{
    if (change->gone.text[0]) {
        drop_name(directory, change->gone.text);
    }
    if (change->come.text[0]) {
        put_name(directory, &change->come);
    }
}

static void change_names(struct mem_disk *disk, const struct name *gone, const struct name *come)
{
    struct name_change *change = calloc(1, sizeof *change);

    assert(change);
    if (gone) {
        change->gone = *gone;
    }
    if (come) {
        change->come = *come;
    }
    *disk->name_changes_tail = change;
    disk->name_changes_tail = &change->next;
    apply_name_change(&disk->visible, change);
}

static void forget_name_changes(struct mem_disk *disk)
{
    while (disk->name_changes) {
        struct name_change *next = disk->name_changes->next;

        free(disk->name_changes);
        disk->name_changes = next;
    }
    disk->name_changes_tail = &disk->name_changes;
}

static void resize(uint8_t **bytes, size_t *size, size_t new_size)
{
    uint8_t *grown = realloc(*bytes, new_size + 1);

    assert(grown);
    if (new_size > *size) {
        memset(grown + *size, 0, new_size - *size);
    }
    *bytes = grown;
    *size = new_size;
}

static void write_durably(struct node *node, uint64_t offset, const uint8_t *bytes, size_t size)
{
    if (offset + size > node->durable_size) {
        resize(&node->durable, &node->durable_size, offset + size);
    }
    memcpy(node->durable + offset, bytes, size);
}

static void apply_change(struct node *node, const struct change *change)
{
    if (change->bytes) {
        write_durably(node, change->offset, change->bytes, change->size);
    } else {
        resize(&node->durable, &node->durable_size, change->offset);
    }
}

static void forget_changes(struct node *node)
{
    while (node->changes) {
        struct change *next = node->changes->next;

        free(node->changes->bytes);
        free(node->changes);
        node->changes = next;
    }
    node->changes_tail = &node->changes;
}

static void add_change(struct node *node, uint64_t offset, const uint8_t *bytes, size_t size)
{
    struct change *change = calloc(1, sizeof *change);

    assert(change);
    change->offset = offset;
    change->size = size;
    if (bytes) {
        change->bytes = malloc(size + 1);
        assert(change->bytes);
        memcpy(change->bytes, bytes, size);
    }
    *node->changes_tail = change;
    node->changes_tail = &change->next;
}

static struct node *add_node(struct mem_disk *disk)
{
    struct node *node = calloc(1, sizeof *node);

    assert(node);
    node->changes_tail = &node->changes;
    resize(&node->visible, &node->visible_size, 0);
    resize(&node->durable, &node->durable_size, 0);
    node->next = disk->nodes;
    disk->nodes = node;
    return node;
}

static void visible_write(struct node *node, uint64_t offset, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    if (offset + size > node->visible_size) {
        resize(&node->visible, &node->visible_size, offset + size);
    }
    memcpy(node->visible + offset, bytes, size);
    add_change(node, offset, bytes, size);
}

/* Counts a call and says how it ends: ERR_NONE, or the planned failure. *ret_last: the power goes
 * in this call. */
static enum err_code enter(struct mem_disk *disk, enum mem_disk_call call, bool *ret_last,
                           struct err *err)
{
    size_t kind = 0;

    *ret_last = false;
    while ((1u << kind) != (unsigned)call) {
        kind++;
    }
    disk->counts[kind]++;
    if (disk->dark) {
        return err_set(err, ERR_IO, "the disk has no power");
    }
    if ((call & MEM_DISK_CHANGES) && disk->power != UINT64_MAX && disk->power-- == 0) {
        disk->dark = true;
        *ret_last = true;
        return err_set(err, ERR_IO, "the power went");
    }
    if (!(disk->fault.calls & (unsigned)call)) {
        return ERR_NONE;
    }
    if (disk->fault.pass > 0) {
        disk->fault.pass--;
        return ERR_NONE;
    }
    if (!disk->fault.sticky) {
        disk->fault.calls = 0;
    }
    return err_set(err, disk->fault.code, "the planned failure");
}

static uint64_t used(const struct mem_disk *disk)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < disk->visible.count; i++) {
        sum += disk->visible.names[i].node->visible_size;
    }
    return sum;
}

static struct node *node_of(const struct mem_disk *disk, int file)
{
    assert(file >= 0 && file < FILES_MAX);
    return disk->files[file];
}

static enum err_code add_file(struct mem_disk *disk, struct node *node, int *ret_file,
                              struct err *err)
{
    for (int i = 0; i < FILES_MAX; i++) {
        if (!disk->files[i]) {
            disk->files[i] = node;
            *ret_file = i;
            return ERR_NONE;
        }
    }
    return err_set(err, ERR_IO, "too many open files");
}

static enum err_code create(struct mem_disk *disk, const char *path, uint64_t size, int *ret_file,
                            struct err *err)
{
    struct name name = {.text = ""};
    bool last;
    enum err_code code = enter(disk, MEM_DISK_CREATE, &last, err);

    if (code != ERR_NONE && !last) {
        return code;
    }
    if (find(&disk->visible, path)) {
        return err_set(err, code ? code : ERR_STATE, "%s exists", path);
    }
    if (used(disk) + size > disk->capacity) {
        return err_set(err, code ? code : ERR_NO_SPACE, "no space for %s", path);
    }
    assert(strlen(path) < NAME_SIZE);
    memcpy(name.text, path, strlen(path));
    name.node = add_node(disk);
    resize(&name.node->visible, &name.node->visible_size, size);
    add_change(name.node, size, NULL, 0);
    change_names(disk, NULL, &name);
    return code ? code : add_file(disk, name.node, ret_file, err);
}

static enum err_code mem_open(void *self, const char *path, bool wants_create, uint64_t size,
                              int *ret_file, struct err *err)
{
    struct mem_disk *disk = self;
    struct name *name;
    enum err_code code;
    bool last;

    if (wants_create) {
        return create(disk, path, size, ret_file, err);
    }
    code = enter(disk, MEM_DISK_OPEN, &last, err);
    if (code != ERR_NONE) {
        return code;
    }
    name = find(&disk->visible, path);
    if (!name) {
        return err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
    }
    return add_file(disk, name->node, ret_file, err);
}

static void mem_close(void *self, int file)
{
    struct mem_disk *disk = self;

    assert(file >= 0 && file < FILES_MAX);
    disk->files[file] = NULL;
}

static enum err_code mem_read(void *self, int file, uint64_t offset, void *bytes, size_t size,
                              size_t *ret_size, struct err *err)
{
    struct mem_disk *disk = self;
    struct node *node = node_of(disk, file);
    bool last;
    enum err_code code = enter(disk, MEM_DISK_READ, &last, err);

    if (code != ERR_NONE) {
        return code;
    }
    assert(node);
    if (offset >= node->visible_size) {
        *ret_size = 0;
        return ERR_NONE;
    }
    if (size > node->visible_size - offset) {
        size = node->visible_size - offset;
    }
    memcpy(bytes, node->visible + offset, size);
    *ret_size = size;
    return ERR_NONE;
}

static enum err_code mem_write(void *self, int file, uint64_t offset, const void *bytes,
                               size_t size, struct err *err)
{
    struct mem_disk *disk = self;
    struct node *node = node_of(disk, file);
    bool partial = disk->fault.partial;
    bool last;
    enum err_code code = enter(disk, MEM_DISK_WRITE, &last, err);

    if (code != ERR_NONE && !last && (!partial || disk->dark)) {
        return code;
    }
    assert(node);
    if (offset + size > node->visible_size &&
        used(disk) + offset + size - node->visible_size > disk->capacity) {
        return err_set(err, ERR_NO_SPACE, "no space to write");
    }
    visible_write(node, offset, bytes, code != ERR_NONE && !last ? size / 2 : size);
    return code;
}

static enum err_code mem_sync(void *self, int file, struct err *err)
{
    struct mem_disk *disk = self;
    struct node *node = node_of(disk, file);
    bool last;
    enum err_code code = enter(disk, MEM_DISK_SYNC, &last, err);

    if (disk->dark) {
        return code;
    }
    assert(node);
    if (code != ERR_NONE) {
        node->damaged = node->changes != NULL;
        forget_changes(node);
        return code;
    }
    for (struct change *change = node->changes; change; change = change->next) {
        apply_change(node, change);
    }
    forget_changes(node);
    return ERR_NONE;
}

static enum err_code mem_size(void *self, int file, uint64_t *ret_size, struct err *err)
{
    struct mem_disk *disk = self;
    bool last;
    enum err_code code = enter(disk, MEM_DISK_SIZE, &last, err);

    if (code != ERR_NONE) {
        return code;
    }
    *ret_size = node_of(disk, file)->visible_size;
    return ERR_NONE;
}

static enum err_code mem_sync_dir(void *self, struct err *err)
{
    struct mem_disk *disk = self;
    bool last;
    enum err_code code = enter(disk, MEM_DISK_SYNC_DIR, &last, err);

    if (code != ERR_NONE) {
        return code;
    }
    for (struct name_change *change = disk->name_changes; change; change = change->next) {
        apply_name_change(&disk->durable, change);
    }
    forget_name_changes(disk);
    return ERR_NONE;
}

static enum err_code mem_rename(void *self, const char *from, const char *to, struct err *err)
{
    struct mem_disk *disk = self;
    struct name *old = find(&disk->visible, from);
    struct name gone;
    struct name come = {.text = ""};
    bool last;
    enum err_code code = enter(disk, MEM_DISK_RENAME, &last, err);

    if (code != ERR_NONE && !last) {
        return code;
    }
    if (!old) {
        return err_set(err, code ? code : ERR_NOT_FOUND, "%s does not exist", from);
    }
    assert(strlen(to) < NAME_SIZE);
    gone = *old;
    memcpy(come.text, to, strlen(to));
    come.node = gone.node;
    change_names(disk, &gone, &come);
    return code;
}

static enum err_code mem_remove(void *self, const char *path, struct err *err)
{
    struct mem_disk *disk = self;
    struct name *old = find(&disk->visible, path);
    struct name gone;
    bool last;
    enum err_code code = enter(disk, MEM_DISK_REMOVE, &last, err);

    if (code != ERR_NONE && !last) {
        return code;
    }
    if (!old) {
        return err_set(err, code ? code : ERR_NOT_FOUND, "%s does not exist", path);
    }
    gone = *old;
    change_names(disk, &gone, NULL);
    return code;
}

static enum err_code mem_list(void *self, struct arena *arena, const char ***ret_names,
                              uint32_t *ret_count, struct err *err)
{
    struct mem_disk *disk = self;
    bool last;
    enum err_code code = enter(disk, MEM_DISK_LIST, &last, err);
    const char **names;

    if (code != ERR_NONE) {
        return code;
    }
    names = arena_array(arena, disk->visible.count + 1, sizeof *names);
    for (size_t i = 0; names && i < disk->visible.count; i++) {
        names[i] = arena_printf(arena, "%s", disk->visible.names[i].text);
        if (!names[i]) {
            names = NULL;
        }
    }
    if (!names) {
        return err_set(err, ERR_NOMEM, "no memory to list files");
    }
    *ret_names = names;
    *ret_count = (uint32_t)disk->visible.count;
    return ERR_NONE;
}

struct mem_disk *mem_disk_create(uint64_t seed)
{
    struct mem_disk *disk = calloc(1, sizeof *disk);

    if (!disk) {
        return NULL;
    }
    disk->interface = (struct disk){
        .self = disk,
        .open = mem_open,
        .close = mem_close,
        .read = mem_read,
        .write = mem_write,
        .sync = mem_sync,
        .size = mem_size,
        .sync_dir = mem_sync_dir,
        .rename = mem_rename,
        .remove = mem_remove,
        .list = mem_list,
    };
    disk->random = seed;
    disk->power = UINT64_MAX;
    disk->capacity = UINT64_MAX;
    disk->name_changes_tail = &disk->name_changes;
    return disk;
}

static void free_node(struct node *node)
{
    forget_changes(node);
    free(node->visible);
    free(node->durable);
    free(node);
}

void mem_disk_destroy(struct mem_disk *disk)
{
    if (!disk) {
        return;
    }
    while (disk->nodes) {
        struct node *next = disk->nodes->next;

        free_node(disk->nodes);
        disk->nodes = next;
    }
    forget_name_changes(disk);
    free(disk);
}

static struct node *clone_node(struct mem_disk *disk, const struct node *from)
{
    struct node *node = add_node(disk);

    resize(&node->visible, &node->visible_size, from->visible_size);
    resize(&node->durable, &node->durable_size, from->durable_size);
    memcpy(node->visible, from->visible, from->visible_size);
    memcpy(node->durable, from->durable, from->durable_size);
    for (struct change *change = from->changes; change; change = change->next) {
        add_change(node, change->offset, change->bytes, change->size);
    }
    node->damaged = from->damaged;
    return node;
}

/* Where a node of `disk` is in its list: the copies are made in the reverse order, so that the
 * lists agree. */
static struct node *node_at(const struct mem_disk *disk, size_t at)
{
    struct node *node = disk->nodes;

    while (at-- > 0) {
        node = node->next;
    }
    return node;
}

static size_t place_of(const struct mem_disk *disk, const struct node *wanted)
{
    size_t at = 0;

    for (struct node *node = disk->nodes; node != wanted; node = node->next) {
        at++;
    }
    return at;
}

static void clone_names(struct directory *to, const struct directory *from,
                        const struct mem_disk *disk, const struct mem_disk *clone)
{
    *to = *from;
    for (size_t i = 0; i < to->count; i++) {
        to->names[i].node = node_at(clone, place_of(disk, from->names[i].node));
    }
}

struct mem_disk *mem_disk_clone(const struct mem_disk *disk, uint64_t seed)
{
    struct mem_disk *clone = mem_disk_create(seed);
    size_t count = 0;

    if (!clone) {
        return NULL;
    }
    assert(!disk->name_changes);
    for (struct node *node = disk->nodes; node; node = node->next) {
        count++;
    }
    while (count-- > 0) {
        (void)clone_node(clone, node_at(disk, count));
    }
    clone_names(&clone->visible, &disk->visible, disk, clone);
    clone_names(&clone->durable, &disk->durable, disk, clone);
    clone->capacity = disk->capacity;
    return clone;
}

struct disk *mem_disk_interface(struct mem_disk *disk)
{
    return &disk->interface;
}

void mem_disk_set_seed(struct mem_disk *disk, uint64_t seed)
{
    disk->random = seed;
}

void mem_disk_set_fault(struct mem_disk *disk, struct mem_disk_fault fault)
{
    disk->fault = fault;
}

void mem_disk_set_power(struct mem_disk *disk, uint64_t passes)
{
    disk->power = passes;
}

bool mem_disk_has_power(const struct mem_disk *disk)
{
    return !disk->dark;
}

void mem_disk_set_capacity(struct mem_disk *disk, uint64_t capacity)
{
    disk->capacity = capacity;
}

static void tear_change(struct mem_disk *disk, struct node *node, const struct change *change)
{
    uint64_t end = change->offset + change->size;

    for (uint64_t at = change->offset; at < end;) {
        uint64_t next = (at / SECTOR + 1) * SECTOR;

        if (next > end) {
            next = end;
        }
        if (next_random(disk) & 1) {
            write_durably(node, at, change->bytes + (at - change->offset), next - at);
        }
        at = next;
    }
}

static void lose_changes(struct mem_disk *disk, struct node *node, enum mem_disk_loss loss)
{
    for (struct change *change = node->changes; change; change = change->next) {
        uint64_t fate = loss == MEM_DISK_TORN ? next_random(disk) % 3 : 0;

        if (loss == MEM_DISK_DROP || fate == 1) {
            continue;
        }
        if (fate == 2 && change->bytes) {
            tear_change(disk, node, change);
        } else if (fate == 2) {
            resize(&node->durable, &node->durable_size, next_random(disk) % (change->offset + 1));
        } else {
            apply_change(node, change);
        }
    }
    forget_changes(node);
    if (loss == MEM_DISK_KEEP) {
        /* The page cache lives on, also what a failed sync will never write. */
        return;
    }
    resize(&node->visible, &node->visible_size, node->durable_size);
    memcpy(node->visible, node->durable, node->durable_size);
    node->damaged = false;
}

void mem_disk_crash(struct mem_disk *disk, enum mem_disk_loss loss)
{
    for (struct node *node = disk->nodes; node; node = node->next) {
        /* A killed process loses nothing, and syncs nothing either. */
        if (loss != MEM_DISK_KEEP) {
            lose_changes(disk, node, loss);
        }
    }
    if (loss != MEM_DISK_KEEP) {
        for (struct name_change *change = disk->name_changes; change; change = change->next) {
            if (loss == MEM_DISK_TORN && (next_random(disk) & 1)) {
                apply_name_change(&disk->durable, change);
            }
        }
        forget_name_changes(disk);
        disk->visible = disk->durable;
    }
    memset(disk->files, 0, sizeof disk->files);
    disk->fault = (struct mem_disk_fault){0};
    disk->power = UINT64_MAX;
    disk->dark = false;
}

uint64_t mem_disk_count(const struct mem_disk *disk, unsigned calls)
{
    uint64_t sum = 0;

    for (size_t kind = 0; kind < CALL_KINDS; kind++) {
        if (calls & (1u << kind)) {
            sum += disk->counts[kind];
        }
    }
    return sum;
}

uint8_t *mem_disk_bytes(struct mem_disk *disk, const char *path, size_t *ret_size)
{
    struct name *name = find(&disk->visible, path);

    if (!name) {
        return NULL;
    }
    *ret_size = name->node->visible_size;
    return name->node->visible;
}

void mem_disk_flip(struct mem_disk *disk, const char *path, size_t offset, uint8_t bits)
{
    struct node *node = find(&disk->visible, path)->node;

    assert(offset < node->visible_size);
    node->visible[offset] ^= bits;
    if (offset < node->durable_size) {
        node->durable[offset] ^= bits;
    }
}

void mem_disk_truncate(struct mem_disk *disk, const char *path, size_t size)
{
    struct node *node = find(&disk->visible, path)->node;

    forget_changes(node);
    resize(&node->visible, &node->visible_size, size);
    resize(&node->durable, &node->durable_size, size);
}

void mem_disk_lose(struct mem_disk *disk, const char *path)
{
    drop_name(&disk->visible, path);
    drop_name(&disk->durable, path);
}

bool mem_disk_is_synced(const struct mem_disk *disk)
{
    if (disk->name_changes) {
        return false;
    }
    for (size_t i = 0; i < disk->visible.count; i++) {
        const struct node *node = disk->visible.names[i].node;

        if (node->changes || node->damaged) {
            return false;
        }
    }
    return true;
}
