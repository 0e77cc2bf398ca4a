/* Just enough JSON for the agent's answers and our requests. Bounded: 32 levels, and no memory but the caller's. */
#ifndef NETPAS_CLIENT_JSON_H
#define NETPAS_CLIENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A value inside a text that np_json_document() has accepted; null begin: there is none. */
typedef struct np_json {
    const char* begin;
    const char* end;
} np_json;

/* The one value of a whole text. None: it is not JSON. */
np_json np_json_document(const char* text, size_t size);
/* Of an object, by a name without escapes; the last one wins, as in other readers. None: no object, or no such member. */
np_json np_json_member(np_json object, const char* name);
/* The first element of an array, and the next; none at the end. */
np_json np_json_first(np_json array);
np_json np_json_next(np_json array, np_json element);

bool np_json_is_string(np_json value);
/* A string's text. False: no string, not valid, with a zero in it, or too long with its ending zero; `out` is then empty. */
bool np_json_text(np_json value, char* out, size_t size);
/* Whole numbers from 0. */
bool np_json_count(np_json value, uint64_t* out);

/* Writes a request. Goes dead when there is no room; `failed` says so at the end. */
typedef struct np_writer {
    char* out;
    size_t size, used;
    bool failed, comma;
} np_writer;

void np_write_begin(np_writer* writer, char* out, size_t size);
/* A null value writes nothing. */
void np_write_text(np_writer* writer, const char* name, const char* value);
void np_write_count(np_writer* writer, const char* name, uint64_t value);
void np_write_true(np_writer* writer, const char* name);
/* Closes the object and ends the text. */
bool np_write_end(np_writer* writer);

#ifdef __cplusplus
}
#endif
#endif
