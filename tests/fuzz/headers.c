/* Any bytes: every loop gives the same index, sum, marks and values, and never reads outside.
 *
 * The C headers alone, without Python, so that a second holds some hundred thousand inputs. Each
 * frame lies in memory of exactly its size, with the padding behind it that the contract allows and
 * not a byte more, so that a read too far is seen by AddressSanitizer. Half of the inputs are made
 * whole (8, 9 and 10 put right), so that what comes behind the framing is reached too.
 *
 * The first byte of an input chooses the table, what stands in the padding, and whether to repair. */
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"
#include "frame.h"
#include "lookup.h"
#include "number.h"
#include "scan.h"
#include "stamp.h"
#include "value.h"
#include "write.h"
#include "zmtp.h"

enum { BODY_MAX = 4096, TABLES = 2 };

#define PROVE(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Tags of the rows of each table, and their types. */
static const int32_t tags[TABLES][20] = {
    {34, 11, 58, 55, 54, 108, 44, 38, 211, 1057, 60, 25023, 95, 96, 354, 355, 123456789, 52, 1, 9},
    {8, 9, 35, 34, 49, 56, 52, 10, 37, 17, 150, 39, 1234567, 6, 14, 151, 32, 31, 89, 93}};
static const int types[20] = {
    TYPE_SEQNUM, TYPE_ID,   TYPE_STR, TYPE_UTF8, TYPE_CHAR,   TYPE_INT,  TYPE_PRICE,
    TYPE_QTY,    TYPE_FLOAT, TYPE_BOOL, TYPE_UTC, TYPE_UTC,   TYPE_LENGTH, TYPE_DATA,
    TYPE_LENGTH, TYPE_CHAR, TYPE_INT, TYPE_UTC, TYPE_BOOL,    TYPE_QTY};
enum { ROWS = 20, MARKS = ROWS + 1 };

static Lookup lookups[TABLES];
static ValueColumn columns[ROWS];
static ValueColumns layout = {columns, {0}};

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each input allocates a dozen times: without stacks and with a short quarantine that is cheap. */
const char *__asan_default_options(void)
{
    return "malloc_context_size=0:quarantine_size_mb=4:detect_leaks=0";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int32_t rows[ROWS];
    size_t place = 0;
    (void)argc, (void)argv;
    for (int32_t row = 0; row < ROWS; row++)
        rows[row] = row;
    for (int table = 0; table < TABLES; table++)
        PROVE(lookup_build(&lookups[table], tags[table], rows, ROWS));
    for (int class = 0; class < VALUE_CLASSES; class++)
        for (uint32_t row = 0; row < ROWS; row++)
            if (value_class(types[row]) == class) {
                columns[place].row = row;
                columns[place++].type = types[row];
                layout.count[class]++;
            }
    return 0;
}

/* A frame around these bytes in memory of its own with room bytes behind; its length. */
static uint8_t *
framed(const uint8_t *data, size_t size, int repair, size_t room, int fill, size_t *length)
{
    static const char *const fills[4] = {"\0", "9", "=", "\1"};
    char head[32];
    const int head_bytes =
        repair ? snprintf(head, sizeof head, "8=FIX.4.4\x01"
                                             "9=%zu\x01",
                          size + 1)
               : 0;
    uint8_t *p = malloc((size_t)head_bytes + size + 8 + room);
    memcpy(p, head, (size_t)head_bytes);
    memcpy(p + head_bytes, data, size);
    *length = (size_t)head_bytes + size + 8;
    p[*length - 8] = SCAN_SOH;
    snprintf(head, sizeof head, "10=%03u\x01", sum_bytes_scalar(p, *length - 7) % 256);
    memcpy(p + *length - 7, head, 7);
    memset(p + *length, fills[fill & 3][0], room);
    return p;
}

/* What one loop found. */
typedef struct {
    Scan scan;
    ScanEntry *entries;
    int32_t *marks;
    Value *values;
} Found;

static Found find(const uint8_t *p, size_t n, int table, int level)
{
    const size_t marks = (MARKS + SCAN_MARKS_STEP) / SCAN_MARKS_STEP * SCAN_MARKS_STEP;
    Found found;
    found.entries = malloc(scan_entries_max(n) * sizeof(ScanEntry));
    found.marks = malloc(marks * sizeof(int32_t));
    found.values = calloc(ROWS, sizeof(Value));
    const ScanRows rows = {&lookups[table], found.marks, MARKS};
    scan_frame(p, n, &rows, found.entries, &found.scan, level);
    values_read(p, found.entries, found.marks, &layout, found.scan.plain, found.values, level);
    return found;
}

static void release(Found *found)
{
    free(found->entries);
    free(found->marks);
    free(found->values);
}

static void check_alone(const uint8_t *p, size_t n, const Found *found)
{
    size_t before = 0;
    PROVE(found->scan.count <= scan_fields_max(n));
    for (size_t i = 0; i < found->scan.count; i++) {
        const ScanEntry *entry = &found->entries[i];
        PROVE(entry->tag > 0 && entry->tag <= 999999999);
        PROVE(entry->offset > before && entry->end > entry->offset && entry->end < n);
        PROVE(p[entry->end] == SCAN_SOH && p[entry->offset - 1] == '=');
        before = entry->end;
    }
}

static void check_alike(const Found *plain, const Found *other)
{
    PROVE(plain->scan.count == other->scan.count);
    PROVE(plain->scan.sum == other->scan.sum);
    PROVE(plain->scan.plain == other->scan.plain);
    PROVE(plain->scan.fault.kind == other->scan.fault.kind);
    PROVE(plain->scan.fault.tag == other->scan.fault.tag);
    for (size_t i = 0; i < plain->scan.count; i++) {
        PROVE(plain->entries[i].tag == other->entries[i].tag);
        PROVE(plain->entries[i].offset == other->entries[i].offset);
        PROVE(plain->entries[i].end == other->entries[i].end);
    }
    for (size_t i = 0; i < MARKS; i++)
        PROVE(plain->marks[i] == other->marks[i]);
    for (size_t i = 0; i < ROWS; i++) {
        PROVE(plain->values[i].form == other->values[i].form);
        if (plain->values[i].form != VALUE_OK)
            continue;
        PROVE(plain->values[i].number == other->values[i].number);
        PROVE(plain->values[i].decimals == other->values[i].decimals);
    }
}

/* The loops against each other, and the plain one without any padding. */
static void scan_all(const uint8_t *data, size_t size, int choice)
{
    const int table = choice >> 1 & 1, repair = choice & 1;
    size_t n;
    uint8_t *exact = framed(data, size, repair, 0, 0, &n);
    Found plain = find(exact, n, table, BYTES_PLAIN);
    check_alone(exact, n, &plain);
    for (int tag = 0; tag < ROWS; tag++)
        scan_tag_fault(exact, n, tags[table][tag]);
    for (int level = BYTES_AVX2; level <= bytes_level(); level++) {
        uint8_t *p = framed(data, size, repair, SCAN_PADDING, choice >> 2, &n);
        Found found = find(p, n, table, level);
        check_alike(&plain, &found);
        release(&found);
        free(p);
    }
    release(&plain);
    free(exact);
}

/* The frame at one look, in memory that ends with the bytes that are here. */
static void frame_cut(const uint8_t *data, size_t size, int choice)
{
    static const char prefix[] = "8=FIX.4.4\x01"
                                 "9=";
    FrameMarks marks;
    size_t n;
    uint8_t padded[FRAME_PREFIX_MAX + 8] = {0};
    uint8_t *whole = framed(data, size, choice & 1, 0, 0, &n);
    const size_t have = choice & 64 ? n : n * (size_t)(choice >> 2 & 15) / 16;
    uint8_t *p = malloc(have + !have);
    memcpy(padded, prefix, sizeof prefix - 1);
    memcpy(p, whole, have);
    if (frame_ordinary(p, have, padded, sizeof prefix - 1, 1 << 20, &marks)) {
        PROVE(marks.length <= have && memcmp(p, prefix, sizeof prefix - 1) == 0);
        PROVE(p[marks.length - 1] == SCAN_SOH && memcmp(p + marks.length - 8, "\x01" "10=", 4) == 0);
        PROVE(memcmp(p + marks.kind_offset - 4, "\x01" "35=", 4) == 0);
        PROVE(marks.kind_bytes > 0 && marks.kind_bytes <= FRAME_KIND_MAX);
        PROVE(p[marks.kind_offset + marks.kind_bytes] == SCAN_SOH);
        const size_t body = strtoul((const char *)p + sizeof prefix - 1, NULL, 10);
        PROVE(marks.kind_offset - 3 + body + 7 == marks.length);
    }
    free(p);
    free(whole);
}

/* Numbers, times and text of exactly these bytes. */
static void read_alone(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size + !size), text[STAMP_BYTES_MAX];
    int64_t number = 0, second = 0, ns = 0;
    int32_t decimals = 0;
    size_t naive = 0;
    memcpy(p, data, size);
    for (size_t i = 0; i < size; i++)
        naive += (p[i] >= 0x20 && p[i] < 0x7F);
    PROVE(bytes_printable(p, size, 0) == (naive == size));
    bytes_utf8(p, size);
    PROVE(sum_bytes(p, size) == sum_bytes_scalar(p, size));
    PROVE(find_byte(p, size, SCAN_SOH) == find_byte_scalar(p, size, SCAN_SOH));
    if (number_read_decimal(p, size, &number, &decimals) == NUMBER_OK && decimals <= 18) {
        PROVE(number_read_scaled(p, size, decimals, &second) == NUMBER_OK && second == number);
    }
    for (int type = TYPE_STR; type <= TYPE_GROUP; type++)
        value_fits(type, p, size, 0);
    if (stamp_read(p, size, &second, &ns) == NUMBER_OK && second >= 0 && size > 17
        && memcmp(p + 17 - 3, ":60", 3) != 0 && stamp_join(second, ns, &number)) {
        PROVE(stamp_write(number, size == 21 ? 3 : 6, text) == size);
        PROVE(memcmp(text, p, size) == 0);
    }
    free(p);
}

/* A copy over itself, forward and backward, by choice * 4 bytes. */
static void copy_over(const uint8_t *data, size_t size, int choice)
{
    const size_t shift = (size_t)choice * 4;
    for (int forward = 0; forward < 2; forward++) {
        uint8_t *p = malloc(size + shift);
        uint8_t *from = forward ? p : p + shift, *to = forward ? p + shift : p;
        memcpy(from, data, size);
        bytes_copy(to, from, size, bytes_level());
        PROVE(memcmp(to, data, size) == 0);
        free(p);
    }
}

/* The elements of a payload of exactly these bytes, and the fields that each loop writes of them. */
static void write_alike(const uint8_t *data, size_t size, int choice)
{
    enum { COUNT = 24, PAYLOADS_MAX = 600 };
    Row rows[ROWS];
    int32_t places[COUNT];
    Element elements[ROWS];
    uint64_t present = 0;
    size_t bad = 0, bad_too = 0, text = 0, fields = 0;
    if (size > PAYLOADS_MAX)
        return;
    for (int32_t row = 0; row < ROWS; row++) {
        rows[row].tag = tags[0][row];
        rows[row].type = types[row];
        rows[row].required = 0;
        rows[row].judge = (uint8_t)write_judge(types[row]);
        rows[row].prefix_bytes = (int16_t)number_write(rows[row].prefix, (uint64_t)rows[row].tag, 1);
        rows[row].prefix[rows[row].prefix_bytes++] = '=';
    }
    for (int32_t i = 0; i < COUNT; i++)
        places[i] = i < ROWS ? (choice & 2 ? ROWS - 1 - i : i) : -1;
    uint8_t *p = malloc(size + !size);
    memcpy(p, data, size);
    const size_t count = choice & 4 ? 3 : COUNT;
    const uint8_t *end = elements_read(p, p + size, count, places, COUNT, elements, &present, &bad);
    if (end != NULL) {
        PROVE(end <= p + size);
        for (int row = 0; row < ROWS; row++)
            if (present >> row & 1 && elements[row].kind == ELEMENT_TEXT) {
                PROVE(elements[row].text >= p && elements[row].text + elements[row].bytes <= end);
                text += elements[row].bytes;
            }
        const size_t room = write_bytes_max((size_t)__builtin_popcountll(present), text);
        uint8_t *plain = malloc(room);
        uint8_t *to = write_elements(plain, rows, elements, present, &bad, BYTES_PLAIN);
        for (int level = BYTES_AVX2; level <= bytes_level(); level++) {
            uint8_t *other = malloc(room);
            uint8_t *to_too = write_elements(other, rows, elements, present, &bad_too, level);
            PROVE((to == NULL) == (to_too == NULL));
            PROVE(to != NULL || bad == bad_too);
            PROVE(to == NULL
                  || (to - plain == to_too - other
                      && memcmp(plain, other, (size_t)(to - plain)) == 0));
            free(other);
        }
        /* One field never becomes two. */
        for (uint8_t *at = plain; to != NULL && at < to; at++)
            fields += *at == SCAN_SOH;
        PROVE(to == NULL || fields == (size_t)__builtin_popcountll(present));
        free(plain);
    }
    free(p);
}

/* What a peer of the bus says, of exactly these bytes: as a greeting, as frames, and each frame's
 * body as a READY and as a PING. */
static void hear_peer(const uint8_t *data, size_t size)
{
    uint8_t *p = malloc(size + !size), pong[7 + ZMTP_CONTEXT_BYTES_MAX];
    const uint8_t *name;
    size_t name_bytes;
    int flags;
    uint64_t bytes;
    memcpy(p, data, size);
    if (size >= ZMTP_GREETING_BYTES)
        zmtp_greets(p);
    for (size_t at = 0; at < size;) {
        const int head = zmtp_head(p + at, size - at, &flags, &bytes);
        if (head <= 0)
            break;
        PROVE((size_t)head <= size - at);
        if (bytes > size - at - (size_t)head)
            break;
        uint8_t *body = malloc((size_t)bytes + !bytes);
        memcpy(body, p + at + head, (size_t)bytes);
        if (zmtp_ready(body, (size_t)bytes, &name, &name_bytes)) {
            PROVE(name_bytes <= ZMTP_NAME_BYTES_MAX);
            PROVE(name >= body && name + name_bytes <= body + bytes);
        }
        const size_t answer = zmtp_pong(pong, body, (size_t)bytes);
        PROVE(answer <= sizeof pong && (answer == 0 || pong[1] == answer - 2));
        free(body);
        at += (size_t)head + (size_t)bytes;
    }
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > BODY_MAX)
        return 0;
    scan_all(data + 1, size - 1, data[0]);
    frame_cut(data + 1, size - 1, data[0]);
    read_alone(data + 1, size - 1);
    copy_over(data + 1, size - 1, data[0]);
    hear_peer(data + 1, size - 1);
    if (bytes_level() != BYTES_PLAIN)
        write_alike(data + 1, size - 1, data[0]);
    return 0;
}
