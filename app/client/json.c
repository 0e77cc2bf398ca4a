#include "json.h"

#include <stdio.h>
#include <string.h>

enum { DEEPEST = 32 };

static const char* space(const char* at, const char* end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
    return at;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int hex(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Of "\uXXXX", at the digits. */
static int unit(const char* at, const char* end) {
    int value = 0;
    if (end - at < 4) return -1;
    for (int i = 0; i < 4; ++i) {
        const int digit = hex(at[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Behind the string that begins here; null: none does. */
static const char* skip_string(const char* at, const char* end) {
    if (at == end || *at != '"') return NULL;
    for (++at; at < end; ++at) {
        if (*at == '"') return at + 1;
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at != '\\') continue;
        if (++at == end) return NULL;
        if (*at == 'u') {
            if (unit(at + 1, end) < 0) return NULL;
            at += 4;
        } else if (strchr("\"\\/bfnrt", *at) == NULL || *at == '\0') {
            return NULL;
        }
    }
    return NULL;
}

static const char* skip_digits(const char* at, const char* end) {
    const char* const first = at;
    while (at < end && is_digit(*at)) ++at;
    return at == first ? NULL : at;
}

static const char* skip_number(const char* at, const char* end) {
    if (at < end && *at == '-') ++at;
    if (at < end && *at == '0') {
        ++at;
    } else if ((at = skip_digits(at, end)) == NULL) {
        return NULL;
    }
    if (at < end && *at == '.' && (at = skip_digits(at + 1, end)) == NULL) return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at < end && (*at == '+' || *at == '-')) ++at;
        at = skip_digits(at, end);
    }
    return at;
}

static const char* skip_word(const char* at, const char* end, const char* word) {
    const size_t length = strlen(word);
    return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

/* Behind the value that begins here; null: none does, or it is too deep. */
static const char* skip(const char* at, const char* end, int depth) {
    if (at == end || depth > DEEPEST) return NULL;
    if (*at == '"') return skip_string(at, end);
    if (*at == 't') return skip_word(at, end, "true");
    if (*at == 'f') return skip_word(at, end, "false");
    if (*at == 'n') return skip_word(at, end, "null");
    if (*at != '{' && *at != '[') return skip_number(at, end);
    const bool object = *at == '{';
    const char close = object ? '}' : ']';
    at = space(at + 1, end);
    if (at < end && *at == close) return at + 1;
    for (;;) {
        if (object) {
            if ((at = skip_string(at, end)) == NULL) return NULL;
            at = space(at, end);
            if (at == end || *at != ':') return NULL;
            at = space(at + 1, end);
        }
        if ((at = skip(at, end, depth + 1)) == NULL) return NULL;
        at = space(at, end);
        if (at < end && *at == close) return at + 1;
        if (at == end || *at != ',') return NULL;
        at = space(at + 1, end);
    }
}

static const np_json none = {NULL, NULL};

np_json np_json_document(const char* text, size_t size) {
    const char* const end = text + size;
    const char* const begin = space(text, end);
    const char* const behind = skip(begin, end, 0);
    if (behind == NULL || space(behind, end) != end) return none;
    return (np_json){begin, behind};
}

/* The value at `at`, in a text that is known to be good. */
static np_json value_at(const char* at, const char* end) {
    const char* const behind = skip(at, end, 0);
    return behind == NULL ? none : (np_json){at, behind};
}

np_json np_json_member(np_json object, const char* name) {
    np_json found = none;
    if (object.begin == NULL || *object.begin != '{') return none;
    const size_t length = strlen(name);
    const char* at = space(object.begin + 1, object.end);
    while (at < object.end && *at == '"') {
        const char* const key = at + 1;
        if ((at = skip_string(at, object.end)) == NULL) return none;
        const bool same = (size_t)(at - 1 - key) == length && memcmp(key, name, length) == 0;
        at = space(space(at, object.end) + 1, object.end); /* behind the colon */
        const np_json value = value_at(at, object.end);
        if (value.begin == NULL) return none;
        if (same) found = value;
        at = space(value.end, object.end);
        if (at < object.end && *at == ',') at = space(at + 1, object.end);
    }
    return found;
}

np_json np_json_first(np_json array) {
    if (array.begin == NULL || *array.begin != '[') return none;
    const char* const at = space(array.begin + 1, array.end);
    return at < array.end && *at != ']' ? value_at(at, array.end) : none;
}

np_json np_json_next(np_json array, np_json element) {
    if (array.begin == NULL || element.begin == NULL) return none;
    const char* const at = space(element.end, array.end);
    return at < array.end && *at == ',' ? value_at(space(at + 1, array.end), array.end) : none;
}

bool np_json_is_string(np_json value) { return value.begin != NULL && *value.begin == '"'; }

/* How many bytes it took; 0: no room. */
static size_t put_utf8(uint32_t code, char* out, size_t room) {
    unsigned char bytes[4];
    size_t count = 0;
    if (code < 0x80) {
        bytes[count++] = (unsigned char)code;
    } else if (code < 0x800) {
        bytes[count++] = (unsigned char)(0xc0 | code >> 6);
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        bytes[count++] = (unsigned char)(0xe0 | code >> 12);
        bytes[count++] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    } else {
        bytes[count++] = (unsigned char)(0xf0 | code >> 18);
        bytes[count++] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    }
    if (count > room) return 0;
    memcpy(out, bytes, count);
    return count;
}

/* What "\..." at `*at` stands for, and moves behind it; 0: nothing that may stand in a text. */
static uint32_t escaped(const char** at, const char* end) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char* const here = *at + 1;
    if (*here != 'u') {
        *at = here + 1;
        const char* const letter = strchr(letters, *here);
        return letter == NULL ? 0 : (uint32_t)meant[letter - letters];
    }
    int code = unit(here + 1, end);
    *at = here + 5;
    if (code < 0xd800 || code > 0xdfff) return code < 0 ? 0 : (uint32_t)code;
    if (code > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return 0;
    const int low = unit(*at + 2, end);
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *at += 6;
    return 0x10000u + ((uint32_t)(code - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

bool np_json_text(np_json value, char* out, size_t size) {
    if (size == 0) return false;
    out[0] = '\0';
    if (!np_json_is_string(value)) return false;
    const char *at = value.begin + 1, *const end = value.end - 1;
    size_t used = 0;
    while (at < end) {
        size_t count = 0;
        if (*at == '\\') {
            const uint32_t code = escaped(&at, end);
            if (code != 0) count = put_utf8(code, out + used, size - 1 - used);
        } else if (used + 1 < size) {
            out[used] = *at++;
            count = 1;
        }
        if (count == 0) {
            out[0] = '\0';
            return false;
        }
        used += count;
    }
    out[used] = '\0';
    return true;
}

bool np_json_count(np_json value, uint64_t* out) {
    uint64_t sum = 0;
    if (value.begin == NULL || value.begin == value.end) return false;
    for (const char* at = value.begin; at < value.end; ++at) {
        if (!is_digit(*at) || sum > (UINT64_MAX - 9) / 10) return false;
        sum = sum * 10 + (uint64_t)(*at - '0');
    }
    *out = sum;
    return true;
}

static void put(np_writer* writer, const char* text, size_t length) {
    if (writer->failed || length >= writer->size - writer->used) {
        writer->failed = true;
        return;
    }
    memcpy(writer->out + writer->used, text, length);
    writer->used += length;
}

static void put_name(np_writer* writer, const char* name) {
    if (writer->comma) put(writer, ",", 1);
    writer->comma = true;
    put(writer, "\"", 1);
    put(writer, name, strlen(name));
    put(writer, "\":", 2);
}

void np_write_begin(np_writer* writer, char* out, size_t size) {
    *writer = (np_writer){out, size, 0, size < 3, false};
    put(writer, "{", 1);
}

void np_write_text(np_writer* writer, const char* name, const char* value) {
    if (value == NULL) return;
    put_name(writer, name);
    put(writer, "\"", 1);
    for (; *value != '\0'; ++value) {
        const unsigned char byte = (unsigned char)*value;
        char code[8];
        if (byte == '"' || byte == '\\') {
            code[0] = '\\';
            code[1] = *value;
            put(writer, code, 2);
        } else if (byte < 0x20 || byte == 0x7f) {
            put(writer, code, (size_t)snprintf(code, sizeof code, "\\u%04x", byte));
        } else {
            put(writer, value, 1);
        }
    }
    put(writer, "\"", 1);
}

void np_write_count(np_writer* writer, const char* name, uint64_t value) {
    char digits[24];
    put_name(writer, name);
    put(writer, digits, (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value));
}

void np_write_true(np_writer* writer, const char* name) {
    put_name(writer, name);
    put(writer, "true", 4);
}

bool np_write_end(np_writer* writer) {
    put(writer, "}", 1);
    if (writer->used < writer->size) writer->out[writer->used] = '\0';
    return !writer->failed;
}
