#include "zofo/tokenize/merge_table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr std::int32_t kMerged = -1;
constexpr std::size_t short_word = 48;  // symbols

std::uint64_t key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

}  // namespace

std::vector<Merge> split_merges(const std::vector<std::string>& lines) {
  std::vector<Merge> merges;
  merges.reserve(lines.size());
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ');
    require(space != std::string::npos && line.find(' ', space + 1) == std::string::npos,
            "merge {} = '{}': must be two tokens separated by one space", merges.size(), line);
    merges.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return merges;
}

/// A pair of neighbours that may be merged; it is outdated once one of the two has been merged otherwise.
struct MergeTable::Candidate {
  std::uint32_t rank;
  std::size_t left;
  std::int32_t left_id, right_id, product;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

/// Symbols as a doubly linked list, so that a merge copies no other symbols.
struct MergeTable::Chain {
  explicit Chain(const std::vector<std::int32_t>& symbols)
      : id(symbols), previous(symbols.size()), next(symbols.size()) {
    for (std::size_t i = 0; i < id.size(); ++i) {
      previous[i] = i == 0 ? kNone : i - 1;
      next[i] = i + 1 == id.size() ? kNone : i + 1;
    }
  }

  [[nodiscard]] bool current(const Candidate& candidate) const {
    const std::size_t right = next[candidate.left];
    return right != kNone && id[candidate.left] == candidate.left_id && id[right] == candidate.right_id;
  }

  void collect(std::vector<std::int32_t>& symbols) const {
    symbols.clear();
    for (std::size_t i = 0; i != kNone; i = next[i]) symbols.push_back(id[i]);
  }

  std::vector<std::int32_t> id;
  std::vector<std::size_t> previous, next;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
};

MergeTable::MergeTable(const std::vector<Merge>& merges, const StringMap<std::int32_t>& ids) {
  require(merges.size() < no_rank, "{} merges: must be below 2^32 - 1", merges.size());
  joins_.resize(std::bit_ceil(merges.size() + merges.size() / 2 + 1));
  for (std::size_t rank = 0; rank < merges.size(); ++rank) add(merges[rank], rank, ids);
}

void MergeTable::apply(std::vector<std::int32_t>& symbols) const {
  if (symbols.size() < 2) return;
  symbols.size() <= short_word ? apply_short(symbols) : apply_long(symbols);
}

// Looks through all pairs for each merge, which for a word is faster than a queue.
void MergeTable::apply_short(std::vector<std::int32_t>& symbols) const {
  std::array<std::uint32_t, short_word> ranks{};
  std::array<std::int32_t, short_word> products{};
  const auto look = [&](std::size_t i) {
    const Join& join = find(symbols[i], symbols[i + 1]);
    ranks[i] = join.rank;
    products[i] = join.product;
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) look(i);
  while (symbols.size() > 1) {
    const auto pairs = static_cast<std::ptrdiff_t>(symbols.size() - 1);
    const auto* const best = std::min_element(ranks.begin(), ranks.begin() + pairs);  // the leftmost
    if (*best == no_rank) return;
    const std::ptrdiff_t at = best - ranks.begin();
    symbols[static_cast<std::size_t>(at)] = products[static_cast<std::size_t>(at)];
    symbols.erase(symbols.begin() + at + 1);
    std::copy(ranks.begin() + at + 1, ranks.begin() + pairs, ranks.begin() + at);
    std::copy(products.begin() + at + 1, products.begin() + pairs, products.begin() + at);
    if (at > 0) look(static_cast<std::size_t>(at - 1));
    if (at + 1 < pairs) look(static_cast<std::size_t>(at));
  }
}

void MergeTable::apply_long(std::vector<std::int32_t>& symbols) const {
  Chain chain(symbols);
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(chain, i);
  while (!chain.queue.empty()) {
    const Candidate best = chain.queue.top();
    chain.queue.pop();
    if (!chain.current(best)) continue;
    join(chain, best);
  }
  chain.collect(symbols);
}

void MergeTable::add(const Merge& merge, std::size_t rank, const StringMap<std::int32_t>& ids) {
  const auto id = [&](const std::string& token) {
    const std::int32_t* const found = ids.find(token);
    require(found != nullptr && !token.empty(), "merge {} = '{} {}': '{}' is not in the vocabulary", rank,
            merge.left, merge.right, token);
    return *found;
  };
  // The parts are looked up before the product, so that the message names a missing part first.
  const std::int32_t first = id(merge.left), second = id(merge.right);
  // A pair listed twice has its last rank, as in the reference.
  joins_[place(key(first, second))] = {key(first, second), static_cast<std::uint32_t>(rank),
                                       id(merge.left + merge.right)};
}

/// The place of a pair, or the free one where it would be.
std::size_t MergeTable::place(std::uint64_t pair) const {
  const std::size_t mask = joins_.size() - 1;
  std::size_t at = static_cast<std::size_t>(detail::mixed(pair) >> 32U) & mask;
  while (joins_[at].pair != pair && joins_[at].pair != no_pair) at = (at + 1) & mask;
  return at;
}

const MergeTable::Join& MergeTable::find(std::int32_t left, std::int32_t right) const {
  return joins_[place(key(left, right))];
}

void MergeTable::offer(Chain& chain, std::size_t left) const {
  const std::size_t right = chain.next[left];
  if (right == kNone) return;
  const Join& found = find(chain.id[left], chain.id[right]);
  if (found.rank == no_rank) return;
  chain.queue.push({found.rank, left, chain.id[left], chain.id[right], found.product});
}

void MergeTable::join(Chain& chain, const Candidate& best) const {
  const std::size_t right = chain.next[best.left];
  chain.id[best.left] = best.product;
  chain.id[right] = kMerged;
  chain.next[best.left] = chain.next[right];
  if (chain.next[right] != kNone) chain.previous[chain.next[right]] = best.left;
  if (chain.previous[best.left] != kNone) offer(chain, chain.previous[best.left]);
  offer(chain, best.left);
}

}  // namespace zofo::tokenize
