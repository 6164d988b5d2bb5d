/* How the strategy of the round trip says an order to each arm, and finds reports in the answers.
 *
 * bus: msgpack as the engine's clients write it. fix: whole FIX messages, for the relay that passes
 * on bytes. json: objects, for the naive arm. Order number N has an id, a price and a quantity of
 * its own, in every dialect the same.
 */

#ifndef FIXENGINE_BENCH_DIALECT_H
#define FIXENGINE_BENCH_DIALECT_H

#include "process.h"

#include <string.h>

#define ORDER_BYTES_MAX 256
#define ID_PREFIX "order-"
#define ID_DIGITS 9
#define ID_BYTES (sizeof ID_PREFIX - 1 + ID_DIGITS)
#define VALID_FOR_MS 10000
#define UNTIMED 0

struct terms {
    char id[24], price[16], quantity[16];
};

struct order {
    char bytes[ORDER_BYTES_MAX];
    size_t size;
    size_t sent_at; /* where the time of sending stands in the bytes, or UNTIMED */
};

struct dialect {
    const char *name;
    void (*write)(struct order *order, uint64_t number);
    /* The size of the first report in these bytes, 0 for half a one; what is none is *size 0. */
    size_t (*report)(const char *data, size_t size, int *is_report);
};

static uint32_t epoch; /* the engine's, for its bus */

static void agree(struct terms *terms, uint64_t number)
{
    unsigned price = 4000000 + (unsigned)(number % 1000000);
    unsigned quantity = 1 + (unsigned)(number % 99999);
    snprintf(terms->id, sizeof terms->id, ID_PREFIX "%0*lu", ID_DIGITS, (unsigned long)number);
    snprintf(terms->price, sizeof terms->price, "%u.%02u", price / 100, price % 100);
    snprintf(terms->quantity, sizeof terms->quantity, "0.%05u", quantity);
}

/* --- msgpack -------------------------------------------------------------------------------- */

static char *put_text(char *at, const char *text)
{
    size_t size = strlen(text);
    *at = (char)(0xa0 | size); /* all of them are shorter than 32 bytes */
    memcpy(at + 1, text, size);
    return at + 1 + size;
}

static char *put_number(char *at, unsigned char kind, uint64_t value, int bytes)
{
    *at++ = (char)kind;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        *at++ = (char)(value >> shift);
    return at;
}

/* How many bytes a number has behind its first, which says so. */
static int number_bytes(const unsigned char *at)
{
    return *at < 0xcc || *at > 0xcf ? 0 : 1 << (*at - 0xcc);
}

static uint64_t get_number(const unsigned char *at)
{
    int bytes = number_bytes(at);
    uint64_t value = bytes == 0 ? *at : 0;
    while (bytes-- > 0)
        value = value << 8 | *++at;
    return value;
}

/* What is behind the tag of a bus message; NULL where the tag is another. */
static const unsigned char *columns(const char *data, size_t size, const char *tag)
{
    size_t head = size > 0 && (unsigned char)*data == 0xdc ? 3 : 1, length = strlen(tag);
    if (size < head + 1 + length || (unsigned char)data[head] != (0xa0 | length)
        || memcmp(data + head + 1, tag, length) != 0)
        return NULL;
    return (const unsigned char *)data + head + 1 + length;
}

static void write_bus(struct order *order, uint64_t number)
{
    struct terms terms;
    agree(&terms, number);
    char *at = put_number(order->bytes, 0xdc, 29, 2);
    at = put_text(put_text(at, "NewOrderSingle"), terms.id);
    at = put_number(at, 0xce, epoch, 4);
    order->sent_at = (size_t)(at - order->bytes) + 1;
    at = put_number(put_number(at, 0xcf, 0, 8), 0xcd, VALID_FOR_MS, 2);
    at = put_text(put_text(put_text(at, "BTCUSDT"), "1"), "2");
    at = put_text(put_text(put_text(at, terms.quantity), terms.price), "1");
    memset(at, 0xc0, 17);
    at[17] = 0;
    order->size = (size_t)(at + 18 - order->bytes);
}

static size_t bus_report(const char *data, size_t size, int *is_report)
{
    *is_report = columns(data, size, "ExecutionReport") != NULL;
    if (!*is_report && !columns(data, size, "SessionStatus") && !columns(data, size, "Heartbeat")) {
        /* The words of it, without the bytes of numbers between them. */
        char words[512];
        size_t count = 0;
        for (size_t at = 0; at < size && count < sizeof words - 1; at++)
            if (data[at] >= ' ' && data[at] <= '~')
                words[count++] = data[at];
        words[count] = 0;
        fail("the engine says: %s", words);
    }
    return size;
}

/* --- FIX ------------------------------------------------------------------------------------ */

static void write_fix(struct order *order, uint64_t number)
{
    struct terms terms;
    char body[ORDER_BYTES_MAX];
    agree(&terms, number);
    int size = snprintf(
        body, sizeof body,
        "35=D\x01" "49=EXAMPLE\x01" "56=SPOT\x01" "34=%lu\x01" "52=20260721-09:07:30.123456\x01"
        "25000=5000\x01" "11=%s\x01" "38=%s\x01" "40=2\x01" "44=%s\x01" "54=1\x01"
        "55=BTCUSDT\x01" "59=1\x01",
        (unsigned long)number, terms.id, terms.quantity, terms.price);
    size = snprintf(order->bytes, sizeof order->bytes, "8=FIX.4.4\x01" "9=%03d\x01%s", size, body);
    unsigned sum = 0;
    for (int at = 0; at < size; at++)
        sum += (unsigned char)order->bytes[at];
    size += snprintf(order->bytes + size, 8, "10=%03u\x01", sum % 256);
    order->size = (size_t)size;
    order->sent_at = UNTIMED;
}

static size_t fix_report(const char *data, size_t size, int *is_report)
{
    const char *soh = size < 32 ? NULL : memchr(data + 12, '\x01', 12);
    if (size < 32)
        return 0;
    if (soh == NULL || memcmp(data, "8=FIX.4.4\x01" "9=", 12) != 0)
        fail("bytes that are not FIX.4.4");
    size_t whole = (size_t)(soh + 1 - data) + strtoul(data + 12, NULL, 10) + 7;
    *is_report = 1;
    return whole <= size ? whole : 0;
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void write_json(struct order *order, uint64_t number)
{
    struct terms terms;
    agree(&terms, number);
    int size = snprintf(
        order->bytes, sizeof order->bytes,
        "{\"cl_ord_id\": \"%s\", \"symbol\": \"BTCUSDT\", \"side\": \"1\", \"ord_type\": \"2\", "
        "\"order_qty\": \"%s\", \"price\": \"%s\", \"time_in_force\": \"1\"}",
        terms.id, terms.quantity, terms.price);
    order->size = (size_t)size;
    order->sent_at = UNTIMED;
}

static size_t json_report(const char *data, size_t size, int *is_report)
{
    (void)data;
    *is_report = 1;
    return size;
}

static const struct dialect DIALECTS[] = {
    {"bus", write_bus, bus_report},
    {"fix", write_fix, fix_report},
    {"json", write_json, json_report},
};

#endif
