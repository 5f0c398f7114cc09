// Records in and out. The walks over these messages' fields are compiled here, once.
#include "kafka/wire/codec_impl.h"
#include "kafka/wire/messages/00_produce.h"
#include "kafka/wire/messages/01_fetch.h"
#include "kafka/wire/messages/02_list_offsets.h"
#include "kafka/wire/messages/21_delete_records.h"
#include "kafka/wire/messages/22_init_producer_id.h"

namespace ds::kafka {

template struct Codec<ProduceRequest>;
template struct Codec<ProduceResponse>;
template struct Codec<FetchRequest>;
template struct Codec<FetchResponse>;
template struct Codec<ListOffsetsRequest>;
template struct Codec<ListOffsetsResponse>;
template struct Codec<DeleteRecordsRequest>;
template struct Codec<DeleteRecordsResponse>;
template struct Codec<InitProducerIdRequest>;
template struct Codec<InitProducerIdResponse>;

}  // namespace ds::kafka
