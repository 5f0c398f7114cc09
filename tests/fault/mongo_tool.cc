// What the checks do to MongoDB behind DataStorm's back, by libmongoc alone:
//
//   mongo_tool URL count COLLECTION
//   mongo_tool URL dump COLLECTION [FILTER]         documents, a line each, as relaxed JSON
//   mongo_tool URL insert COLLECTION < FILE         documents as JSON, a line each
//   mongo_tool URL update COLLECTION FILTER UPDATE
//   mongo_tool URL delete COLLECTION FILTER
#include <mongoc/mongoc.h>

#include <cstdio>
#include <iostream>
#include <string>

namespace {

class Bson {
 public:
  explicit Bson(bson_t* bson) : bson_(bson) {}
  ~Bson() { bson_destroy(bson_); }
  Bson(const Bson&) = delete;
  bson_t* get() const { return bson_; }

 private:
  bson_t* const bson_;
};

int fail(const bson_error_t& error) {
  std::fprintf(stderr, "%s\n", error.message);
  return 1;
}

Bson parse(const std::string& text, bson_error_t& error) {
  return Bson(bson_new_from_json(reinterpret_cast<const std::uint8_t*>(text.data()),
                                 static_cast<ssize_t>(text.size()), &error));
}

int dump(mongoc_collection_t* from, const char* filter, bson_error_t& error) {
  const Bson which = parse(filter == nullptr ? "{}" : filter, error);
  if (which.get() == nullptr) return fail(error);
  const Bson in_parts(BCON_NEW("batchSize", BCON_INT32(1000)));
  mongoc_cursor_t* cursor =
      mongoc_collection_find_with_opts(from, which.get(), in_parts.get(), nullptr);
  const bson_t* document = nullptr;
  while (mongoc_cursor_next(cursor, &document)) {
    char* json = bson_as_relaxed_extended_json(document, nullptr);
    std::puts(json);
    bson_free(json);
  }
  const bool failed = mongoc_cursor_error(cursor, &error);
  mongoc_cursor_destroy(cursor);
  return failed ? fail(error) : 0;
}

int insert(mongoc_collection_t* into, bson_error_t& error) {
  for (std::string line; std::getline(std::cin, line);) {
    const Bson document = parse(line, error);
    if (document.get() == nullptr ||
        !mongoc_collection_insert_one(into, document.get(), nullptr, nullptr, &error))
      return fail(error);
  }
  return 0;
}

/// Says how many it has touched.
int change(mongoc_collection_t* in, const std::string& filter, const char* update,
           bson_error_t& error) {
  const Bson which = parse(filter, error);
  const Bson how = parse(update == nullptr ? "{}" : update, error);
  if (which.get() == nullptr || how.get() == nullptr) return fail(error);
  bson_t reply;
  const bool done =
      update == nullptr
          ? mongoc_collection_delete_many(in, which.get(), nullptr, &reply, &error)
          : mongoc_collection_update_many(in, which.get(), how.get(), nullptr, &reply, &error);
  if (!done) return fail(error);
  bson_iter_t count;
  const bool told =
      bson_iter_init_find(&count, &reply, update == nullptr ? "deletedCount" : "modifiedCount");
  std::printf("%lld\n", told ? static_cast<long long>(bson_iter_as_int64(&count)) : 0LL);
  bson_destroy(&reply);
  return 0;
}

int run(mongoc_collection_t* collection, int argc, char** argv, bson_error_t& error) {
  const std::string what = argv[2];
  if (what == "count") {
    const Bson all(bson_new());
    const auto count =
        mongoc_collection_count_documents(collection, all.get(), nullptr, nullptr, nullptr, &error);
    if (count < 0) return fail(error);
    std::printf("%lld\n", static_cast<long long>(count));
    return 0;
  }
  if (what == "dump") return dump(collection, argv[4], error);
  if (what == "insert") return insert(collection, error);
  if (what == "update" && argc > 5) return change(collection, argv[4], argv[5], error);
  if (what == "delete" && argc > 4) return change(collection, argv[4], nullptr, error);
  std::fprintf(stderr, "usage: see mongo_tool.cc\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  mongoc_init();
  bson_error_t error{};
  mongoc_uri_t* uri = mongoc_uri_new_with_error(argv[1], &error);
  if (uri == nullptr) return fail(error);
  mongoc_client_t* client = mongoc_client_new_from_uri(uri);
  mongoc_collection_t* collection =
      mongoc_client_get_collection(client, mongoc_uri_get_database(uri), argv[3]);
  const int result = run(collection, argc, argv, error);
  mongoc_collection_destroy(collection);
  mongoc_client_destroy(client);
  mongoc_uri_destroy(uri);
  return result;
}
