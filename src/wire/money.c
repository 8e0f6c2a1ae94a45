/* Money: see money.h. Doubles are taken apart and put together in integers of 128 bits: each rounds
 * once, so that an amount that was a double once is the same double ever after. */
#include "wire/money.h"

#include "base/common.h"

#include <math.h>

#define NANO_DIGITS 9
#define MAGNITUDE_DIGITS_MAX 19             /* Of 2^63. */
#define EXPONENT_MAX INT64_C(1000000000000) /* Beyond any document's count of digits. */
#define NANO_PER_DOLLAR UINT64_C(1000000000)
#define NEGATIVE_MAX (UINT64_C(1) << 63)
#define DOLLARS_MAX 9223372036.854775807 /* The double next to it, which is a little more. */
#define FRACTION_BITS 52                 /* Of a double. */
#define POINT_BITS 1075                  /* Its exponent when its mantissa is an integer. */
#define SHIFT_MAX 100                    /* From here on nothing is left of a mantissa. */
#define SCALED_BITS 85 /* A quotient by a billion has 55 bits then, two more than a double. */

__extension__ typedef unsigned __int128 wide_t;

/* A number as its mantissa's text and where the decimal point stands. */
struct decimal {
    const uint8_t *digits; /* Digits and at most one point; starts at the first that is not 0. */
    const uint8_t *end;
    int64_t point; /* Digits in front of the decimal point; negative: zeros behind it. */
};

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static int64_t parse_exponent(const uint8_t *at, const uint8_t *end)
{
    bool negative = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    for (; at < end && exponent < EXPONENT_MAX; at++) {
        exponent = exponent * 10 + (*at - '0');
    }
    return negative ? -exponent : exponent;
}

static struct decimal split(const uint8_t *at, const uint8_t *end)
{
    struct decimal decimal = {.digits = NULL, .end = at};
    bool whole = true;

    for (; decimal.end < end && (is_digit(*decimal.end) || *decimal.end == '.'); decimal.end++) {
        uint8_t byte = *decimal.end;

        if (byte == '.') {
            whole = false;
            continue;
        }
        if (!decimal.digits && byte != '0') {
            decimal.digits = decimal.end;
        }
        if (whole && decimal.digits) {
            decimal.point++;
        } else if (!whole && !decimal.digits) {
            decimal.point--;
        }
    }
    if (decimal.end < end) {
        decimal.point += parse_exponent(decimal.end + 1, end);
    }
    return decimal;
}

/* The next digit; zeros without end behind the last. */
static uint64_t next_digit(struct decimal *decimal)
{
    if (decimal->digits < decimal->end && *decimal->digits == '.') {
        decimal->digits++;
    }
    return decimal->digits < decimal->end ? (uint64_t)(*decimal->digits++ - '0') : 0;
}

/* |number| in nano-dollars; false when it has more digits than any that fits. */
static bool magnitude(struct decimal decimal, uint64_t *ret_magnitude)
{
    int64_t count = decimal.point + NANO_DIGITS;
    uint64_t value = 0;

    if (!decimal.digits || count < 0) {
        *ret_magnitude = 0;
        return true;
    }
    if (count > MAGNITUDE_DIGITS_MAX) {
        return false;
    }
    for (int64_t i = 0; i < count; i++) {
        value = value * 10 + next_digit(&decimal);
    }
    *ret_magnitude = value + (next_digit(&decimal) >= 5);
    return true;
}

bool money_parse(struct slice number, int64_t *ret_nano_dollars)
{
    const uint8_t *at = number.data;
    const uint8_t *end = number.data + number.size;
    bool negative = at < end && *at == '-';
    uint64_t value;

    if (!magnitude(split(at + negative, end), &value)) {
        return false;
    }
    if (value > (negative ? NEGATIVE_MAX : NEGATIVE_MAX - 1)) {
        return false;
    }
    *ret_nano_dollars = (int64_t)(negative ? 0 - value : value);
    return true;
}

static uint64_t absolute(int64_t nano_dollars)
{
    return nano_dollars < 0 ? 0 - (uint64_t)nano_dollars : (uint64_t)nano_dollars;
}

bool money_from_double(double dollars, int64_t *ret_nano_dollars)
{
    bool negative = signbit(dollars) != 0;
    uint64_t most = negative ? NEGATIVE_MAX : NEGATIVE_MAX - 1;
    uint64_t value = 0;
    uint64_t bits;
    wide_t product;
    int shift;

    dollars = fabs(dollars);
    if (!(dollars <= DOLLARS_MAX)) {
        return false; /* Also what is no number. */
    }
    memcpy(&bits, &dollars, sizeof(bits));
    shift = POINT_BITS - (int)(bits >> FRACTION_BITS);
    if (shift < SHIFT_MAX) {
        bits = (bits & ((UINT64_C(1) << FRACTION_BITS) - 1)) | UINT64_C(1) << FRACTION_BITS;
        product = (wide_t)bits * NANO_PER_DOLLAR;
        value = (uint64_t)((product + ((wide_t)1 << (shift - 1))) >> shift);
    }
    value = value < most ? value : most; /* The last double is beyond the last amount. */
    *ret_nano_dollars = (int64_t)(negative ? 0 - value : value);
    return true;
}

double money_to_double(int64_t nano_dollars)
{
    uint64_t value = absolute(nano_dollars);
    uint64_t quotient;
    wide_t scaled;
    double dollars;
    int shift;

    if (value == 0) {
        return 0;
    }
    shift = SCALED_BITS - (64 - __builtin_clzll(value));
    scaled = (wide_t)value << shift;
    quotient = (uint64_t)(scaled / NANO_PER_DOLLAR);
    quotient |= scaled % NANO_PER_DOLLAR != 0; /* More than that: no tie. */
    dollars = ldexp((double)quotient, -shift);
    return nano_dollars < 0 ? -dollars : dollars;
}

size_t money_format(int64_t nano_dollars, uint8_t ret_text[static MONEY_TEXT_MAX])
{
    uint64_t value = absolute(nano_dollars);
    uint64_t fraction = value % NANO_PER_DOLLAR;
    uint64_t dollars = value / NANO_PER_DOLLAR;
    uint8_t text[MONEY_TEXT_MAX];
    size_t at = sizeof(text);

    if (fraction) {
        for (int i = 0; i < NANO_DIGITS; i++, fraction /= 10) {
            if (at < sizeof(text) || fraction % 10) {
                text[--at] = (uint8_t)('0' + fraction % 10);
            }
        }
        text[--at] = '.';
    }
    do {
        text[--at] = (uint8_t)('0' + dollars % 10);
        dollars /= 10;
    } while (dollars);
    if (nano_dollars < 0) {
        text[--at] = '-';
    }
    memcpy(ret_text, text + at, sizeof(text) - at);
    return sizeof(text) - at;
}
