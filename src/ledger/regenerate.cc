#include "ledger/regenerate.h"

#include <algorithm>

namespace ds {

MixClaim mix_claim(const Mix& mix, std::uint64_t from_batch) {
  MixClaim claim{.from_batch = from_batch,
                 .is_volatile = mix.is_volatile(),
                 .factor = mix.factor(),
                 .seed = mix.seed()};
  for (std::size_t k = 0; k < kSentiments; ++k) claim.shares[k] = mix.shares()[k].billionths;
  return claim;
}

Result<Mix> mix_of(const MixClaim& claim) {
  const auto& [positive, negative, neutral] = claim.shares;
  if (claim.is_volatile)
    return Mix::swinging({positive}, {negative}, {neutral}, claim.factor, claim.seed);
  return Mix::fixed({positive}, {negative}, {neutral});
}

std::optional<Regenerator> Regenerator::from(const RunClaim& claim) {
  if (claim.payload != "tweet" || claim.tombstones > 0 || claim.brands.empty() ||
      claim.mixes.empty() || claim.batch_size == 0 || claim.streams == 0 ||
      claim.mixes.front().from_batch != 0)
    return std::nullopt;
  TweetSettings settings{.seed = claim.seed,
                         .brands = {},
                         .pool = claim.pool,
                         .numbering = {claim.batch_size, claim.streams}};
  for (const BrandClaim& brand : claim.brands)
    settings.brands.push_back({brand.name, brand.weight});
  std::vector<std::pair<std::uint64_t, Mix>> mixes;
  for (const MixClaim& each : claim.mixes) {
    auto mix = mix_of(each);
    if (!mix) return std::nullopt;
    mixes.emplace_back(each.from_batch, std::move(mix).value());
  }
  return Regenerator(std::move(settings), std::move(mixes));
}

Regenerator::Regenerator(TweetSettings settings, std::vector<std::pair<std::uint64_t, Mix>> mixes)
    : numbering_(settings.numbering),
      generator_(std::make_unique<TweetGenerator>(std::move(settings))),
      mixes_(std::move(mixes)) {}

Regenerator::Said Regenerator::said(std::uint32_t stream, std::uint64_t sequence) {
  const std::uint64_t record = numbering_.record(stream, sequence);
  const std::uint64_t batch = record / numbering_.batch_size;
  if (!batch_ || batch_->batch != batch) {
    const auto mix = std::prev(
        std::ranges::upper_bound(mixes_, batch, {}, [](const auto& each) { return each.first; }));
    batch_ = generator_->batch(batch, mix->second, batch - mix->first);
  }
  const auto choice = generator_->choose(*batch_, record % numbering_.batch_size);
  const auto kind = static_cast<std::size_t>(choice.sentiment);
  const TweetSettings& settings = generator_->settings();
  const TweetPool::Variant* variant;
  if (settings.pool == 0) {
    afresh_ = generator_->afresh(record, choice.sentiment);
    variant = &afresh_;
  } else {
    variant = &generator_->pool().of(choice.sentiment)[choice.variant];
  }
  return {variant->text, settings.brands[variant->brand].name, kSentimentNames[kind]};
}

}  // namespace ds
