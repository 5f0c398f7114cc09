// libmongoc, loaded when MongoDB is first used. Linked as others are, its constructor runs before
// main(): it makes /dev/shm/mongoc-PID in every process of ours, writes a warning onto standard
// error when a killed process of the same number left one behind, and with its 15 libraries costs
// each start some milliseconds.
//
// So the functions that we use are defined here, each handing on to the library's own. One that is
// missing here is told by the linker. libbson does nothing of the kind and is linked as ever.
#include <dlfcn.h>
#include <mongoc/mongoc.h>

#include "base/check.h"

namespace ds {
namespace {

constexpr const char* kLibrary = "libmongoc-1.0.so.0";

/// Loaded once, never unloaded; null when the machine has none.
void* library() {
  static void* const loaded = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  return loaded;
}

/// The library's function of that name, which has the type of ours.
template <auto* ours>
auto* its(const char* name) {
  static auto* const found = reinterpret_cast<decltype(ours)>(dlsym(library(), name));
  check(found != nullptr, "libmongoc-1.0.so.0 has no such function");
  return found;
}

}  // namespace
}  // namespace ds

using ds::its;

extern "C" {

void mongoc_init() {
  if (ds::library() != nullptr) its<&mongoc_init>("mongoc_init")();
}
void mongoc_log_set_handler(mongoc_log_func_t handler, void* data) {
  if (ds::library() != nullptr)
    its<&mongoc_log_set_handler>("mongoc_log_set_handler")(handler, data);
}

// The first that is asked: what cannot be loaded is said here.
mongoc_uri_t* mongoc_uri_new_with_error(const char* text, bson_error_t* error) {
  if (ds::library() == nullptr) {
    bson_set_error(error, MONGOC_ERROR_CLIENT, 0, "%s is not there", ds::kLibrary);
    return nullptr;
  }
  return its<&mongoc_uri_new_with_error>("mongoc_uri_new_with_error")(text, error);
}
void mongoc_uri_destroy(mongoc_uri_t* uri) {
  its<&mongoc_uri_destroy>("mongoc_uri_destroy")(uri);
}
const char* mongoc_uri_get_database(const mongoc_uri_t* uri) {
  return its<&mongoc_uri_get_database>("mongoc_uri_get_database")(uri);
}
bool mongoc_uri_has_option(const mongoc_uri_t* uri, const char* key) {
  return its<&mongoc_uri_has_option>("mongoc_uri_has_option")(uri, key);
}
bool mongoc_uri_set_option_as_int32(mongoc_uri_t* uri, const char* key, std::int32_t value) {
  return its<&mongoc_uri_set_option_as_int32>("mongoc_uri_set_option_as_int32")(uri, key, value);
}

mongoc_client_t* mongoc_client_new_from_uri_with_error(const mongoc_uri_t* uri,
                                                       bson_error_t* error) {
  return its<&mongoc_client_new_from_uri_with_error>("mongoc_client_new_from_uri_with_error")(
      uri, error);
}
void mongoc_client_destroy(mongoc_client_t* client) {
  its<&mongoc_client_destroy>("mongoc_client_destroy")(client);
}
bool mongoc_client_set_error_api(mongoc_client_t* client, std::int32_t version) {
  return its<&mongoc_client_set_error_api>("mongoc_client_set_error_api")(client, version);
}
bool mongoc_client_set_appname(mongoc_client_t* client, const char* name) {
  return its<&mongoc_client_set_appname>("mongoc_client_set_appname")(client, name);
}
bool mongoc_client_command_simple(mongoc_client_t* client, const char* database,
                                  const bson_t* command, const mongoc_read_prefs_t* prefs,
                                  bson_t* reply, bson_error_t* error) {
  return its<&mongoc_client_command_simple>("mongoc_client_command_simple")(
      client, database, command, prefs, reply, error);
}
mongoc_collection_t* mongoc_client_get_collection(mongoc_client_t* client, const char* database,
                                                  const char* name) {
  return its<&mongoc_client_get_collection>("mongoc_client_get_collection")(client, database, name);
}

void mongoc_collection_destroy(mongoc_collection_t* collection) {
  its<&mongoc_collection_destroy>("mongoc_collection_destroy")(collection);
}
mongoc_bulk_operation_t* mongoc_collection_create_bulk_operation_with_opts(
    mongoc_collection_t* collection, const bson_t* options) {
  return its<&mongoc_collection_create_bulk_operation_with_opts>(
      "mongoc_collection_create_bulk_operation_with_opts")(collection, options);
}
mongoc_cursor_t* mongoc_collection_find_with_opts(mongoc_collection_t* collection,
                                                  const bson_t* filter, const bson_t* options,
                                                  const mongoc_read_prefs_t* prefs) {
  return its<&mongoc_collection_find_with_opts>("mongoc_collection_find_with_opts")(
      collection, filter, options, prefs);
}

bool mongoc_bulk_operation_insert_with_opts(mongoc_bulk_operation_t* bulk, const bson_t* document,
                                            const bson_t* options, bson_error_t* error) {
  return its<&mongoc_bulk_operation_insert_with_opts>("mongoc_bulk_operation_insert_with_opts")(
      bulk, document, options, error);
}
std::uint32_t mongoc_bulk_operation_execute(mongoc_bulk_operation_t* bulk, bson_t* reply,
                                            bson_error_t* error) {
  return its<&mongoc_bulk_operation_execute>("mongoc_bulk_operation_execute")(bulk, reply, error);
}
void mongoc_bulk_operation_destroy(mongoc_bulk_operation_t* bulk) {
  its<&mongoc_bulk_operation_destroy>("mongoc_bulk_operation_destroy")(bulk);
}

bool mongoc_cursor_next(mongoc_cursor_t* cursor, const bson_t** document) {
  return its<&mongoc_cursor_next>("mongoc_cursor_next")(cursor, document);
}
bool mongoc_cursor_error(mongoc_cursor_t* cursor, bson_error_t* error) {
  return its<&mongoc_cursor_error>("mongoc_cursor_error")(cursor, error);
}
void mongoc_cursor_destroy(mongoc_cursor_t* cursor) {
  its<&mongoc_cursor_destroy>("mongoc_cursor_destroy")(cursor);
}

mongoc_write_concern_t* mongoc_write_concern_new() {
  return its<&mongoc_write_concern_new>("mongoc_write_concern_new")();
}
void mongoc_write_concern_set_wmajority(mongoc_write_concern_t* concern, std::int32_t timeout_ms) {
  its<&mongoc_write_concern_set_wmajority>("mongoc_write_concern_set_wmajority")(concern,
                                                                                 timeout_ms);
}
bool mongoc_write_concern_append(mongoc_write_concern_t* concern, bson_t* options) {
  return its<&mongoc_write_concern_append>("mongoc_write_concern_append")(concern, options);
}
void mongoc_write_concern_destroy(mongoc_write_concern_t* concern) {
  its<&mongoc_write_concern_destroy>("mongoc_write_concern_destroy")(concern);
}

}  // extern "C"
