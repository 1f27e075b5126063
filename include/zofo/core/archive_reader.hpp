/// @file Reading states from an archive, which may come from an untrusted source.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "zofo/core/adapter_pair.hpp"
#include "zofo/core/archive_format.hpp"
#include "zofo/core/error.hpp"
#include "zofo/core/memory.hpp"
#include "zofo/core/vector_space.hpp"

namespace zofo {

/// Reads what ArchiveWriter wrote, in the same order: `archive(a, b, …)` overwrites the values. A size is
/// compared with the bytes that are left before memory is allocated for it. Throws Error naming the file, the
/// byte, the part (`part`) and what was expected; values that were read before the error stay as read.
///
/// Vectors and Eigen objects take the size that was saved. A type of θ or of an adapter that cannot be
/// resized takes its shape from an object of that type given by `shape_from`.
class ArchiveReader {
 public:
  /// Refers to the bytes, which must outlive the reader. `name` and `offset` are the file's name and the
  /// position of the bytes in it, for messages.
  ArchiveReader(std::span<const std::byte> bytes, std::string name, std::size_t offset = 0)
      : bytes_(bytes), name_(std::move(name)), offset_(offset) {}

  /// Reads the values.
  template <class... Ts>
  ArchiveReader& operator()(Ts&... values) {
    (read(values), ...);
    return *this;
  }
  /// Names what is read next, for messages: "outer optimizer".
  ArchiveReader& part(std::string text) {
    part_ = std::move(text);
    return *this;
  }
  /// A value of type P that is empty before it is read gets the shape of `example`, which must outlive the
  /// reader.
  template <class P>
  ArchiveReader& shape_from(const P& example) {
    for (Example& known : examples_)
      if (known.type == type_key<P>()) {
        known.object = &example;
        return *this;
      }
    examples_.push_back({type_key<P>(), &example});
    return *this;
  }
  /// Throws Error unless all bytes were read.
  void finish() const {
    if (position_ != bytes_.size()) broken("{} bytes follow: must be the end", bytes_.size() - position_);
  }
  /// Throws Error with the formatted message, the file's name and the current byte.
  template <class... Args>
  [[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) const {
    const std::string what = fmt::format(format, std::forward<Args>(args)...);
    if (part_.empty()) fail("{}: byte {}: {}", name_, offset_ + position_, what);
    fail("{}: byte {} ({}): {}", name_, offset_ + position_, part_, what);
  }

 private:
  struct Example {
    const void* type;
    const void* object;
  };
  template <class P>
  [[nodiscard]] static const void* type_key() {
    static const char key = 0;
    return &key;
  }

  template <class T>
  void read(T& value) {
    if constexpr (HasFields<T, ArchiveReader>) {
      expect(ArchiveTag::begin);
      value.fields(*this);
      expect(ArchiveTag::end);
    } else if constexpr (detail::PlainCoreValue<T>) {
      expect(ArchiveTag::begin);
      detail::fields_of(value, *this);
      expect(ArchiveTag::end);
    } else if constexpr (std::same_as<T, bool>) {
      expect(ArchiveTag::boolean);
      const auto byte = get<std::uint8_t>();
      if (byte > 1) broken("a bool of {}: must be 0 or 1", byte);
      value = byte == 1;
    } else if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      read(number);
      value = static_cast<T>(number);
    } else if constexpr (detail::ArchivedNumber<T>) {
      expect(detail::tag_of<T>());
      value = get<T>();
    } else if constexpr (std::same_as<T, std::string>) {
      expect(ArchiveTag::text);
      const std::size_t n = count(1);
      value.assign(reinterpret_cast<const char*>(bytes_.data() + position_), n);
      position_ += n;
    } else if constexpr (EigenPlain<T>) {
      read_matrix(value);
    } else if constexpr (HasTensors<T> && !NumberRange<T>) {
      read_tensors(value);
    } else if constexpr (HasCoordinates<T> && !NumberRange<T>) {
      read_coordinates(value);
    } else if constexpr (std::is_empty_v<T>) {
      expect(ArchiveTag::begin);
      expect(ArchiveTag::end);
    } else {
      read_standard(value);
    }
  }

  template <class T>
  void read_standard(T& /*value*/) {
    static_assert(detail::cannot_be_archived<T>,
                  "zofo: a State with content needs template <class A> void fields(A& archive) { archive(a, "
                  "b, ...); } that names what must be saved (concept HasFields)");
  }
  template <class T>
  void read_standard(std::vector<T>& values) {
    if constexpr (detail::ArchivedNumber<T>) {
      const std::size_t n = number_count<T>();
      values.resize(n);
      take(values.data(), n);
    } else {
      expect(ArchiveTag::list);
      const std::size_t n = count(1);
      values.clear();
      // One by one: elements are larger in memory than in the file, and the count may be wrong.
      for (std::size_t i = 0; i < n; ++i) {
        T element{};
        read(element);
        values.push_back(std::move(element));
      }
    }
  }
  template <class T>
  void read_standard(std::span<T>& values) {
    const std::size_t n = number_count<T>();
    require_count("a view", values.size(), n);
    take(values.data(), n);
  }
  template <class T, std::size_t N>
  void read_standard(std::array<T, N>& values) {
    expect(ArchiveTag::list);
    require_count("a list", N, count(1));
    for (T& value : values) read(value);
  }
  template <class T, class U>
  void read_standard(std::pair<T, U>& values) {
    (*this)(values.first, values.second);
  }
  template <class P>
  void read_standard(AdapterPair<P>& pair) {
    (*this)(pair.upper, pair.lower);
  }
  template <class T>
  void read_standard(std::optional<T>& value) {
    if (!some()) return value.reset();
    read(renewed(value));
  }
  template <View P>
  void read_standard(ViewMemory<P>& value) {
    if (!some()) return value.reset();
    Owned<P> numbers;
    read(numbers);
    value.emplace(std::move(numbers));
  }

  // An empty value becomes one of the right shape, where the type has a shape; then it is overwritten.
  template <class T>
  T& renewed(std::optional<T>& value) {
    if constexpr (HasFields<T, ArchiveReader> || EigenPlain<T> || NumberRange<T> ||
                  !(HasTensors<T> || HasCoordinates<T>)) {
      static_assert(std::is_default_constructible_v<T>,
                    "zofo: a value in an archive needs a default constructor");
      return value.emplace();
    } else {
      for (const Example& known : examples_)
        if (known.type == type_key<T>()) {
          remember(*static_cast<const T*>(known.object), value);
          return *value;
        }
      if constexpr (std::is_default_constructible_v<T>) return value.emplace();
      broken("a value whose type needs a shape: give one by shape_from");
    }
  }
  template <class T>
  void read_matrix(T& value) {
    expect(ArchiveTag::matrix);
    const auto rows = get<std::uint64_t>(), cols = get<std::uint64_t>();
    const std::size_t n = number_count<typename T::Scalar>();
    const bool fits = rows == 0 || cols == 0 ? n == 0 : rows <= n && cols == n / rows && n % rows == 0;
    if (!fits) broken("a matrix of {} x {} with {} numbers", rows, cols, n);
    if constexpr (!View<T>) {
      constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<Eigen::Index>::max());
      const auto takes = [](int fixed, int bound, std::uint64_t size) {
        return size <= (bound == Eigen::Dynamic ? most : static_cast<std::uint64_t>(bound)) &&
               (fixed == Eigen::Dynamic || size == static_cast<std::uint64_t>(fixed));
      };
      const bool sizes = takes(T::RowsAtCompileTime, T::MaxRowsAtCompileTime, rows) &&
                         takes(T::ColsAtCompileTime, T::MaxColsAtCompileTime, cols);
      if (!sizes) broken("a matrix of {} x {}: does not fit the type", rows, cols);
      value.resize(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols));
    } else if (rows != static_cast<std::uint64_t>(value.rows()) ||
               cols != static_cast<std::uint64_t>(value.cols())) {
      broken("a matrix of {} x {}: the view is {} x {}", rows, cols, value.rows(), value.cols());
    }
    take(value.data(), n);
  }
  template <class T>
  void read_tensors(T& value) {
    std::uint64_t tensors = 0;
    for_each_tensor(value, [&tensors](std::uint32_t, auto*, std::size_t) { ++tensors; });
    expect(ArchiveTag::tensors);
    require_count("a list of tensors", static_cast<std::size_t>(tensors), count(1));
    for_each_tensor(value, [this]<class N>(std::uint32_t, N* x, std::size_t n) {
      require_count("a tensor", n, number_count<N>());
      take(x, n);
    });
  }
  template <class T>
  void read_coordinates(T& value) {
    auto&& x = coordinates(value);
    using Number = std::remove_cvref_t<decltype(x[0])>;
    const std::size_t n = number_count<Number>();
    require_count("an adapter", x.size(), n);
    for (std::size_t i = 0; i < n; ++i) x[i] = get<Number>();
  }

  [[nodiscard]] bool some() {
    const auto tag = get<ArchiveTag>();
    if (tag != ArchiveTag::some && tag != ArchiveTag::none) {
      --position_;
      broken("found {}, expected an optional", detail::name_of(tag));
    }
    return tag == ArchiveTag::some;
  }
  void expect(ArchiveTag wanted) {
    const auto tag = get<ArchiveTag>();
    if (tag == wanted) return;
    --position_;
    broken("found {}, expected {}: the file is of other policies", detail::name_of(tag),
           detail::name_of(wanted));
  }
  void require_count(std::string_view what, std::size_t wanted, std::size_t found) const {
    if (wanted != found) broken("{} of {}: must have {}", what, found, wanted);
  }
  // The count of a sequence of numbers of type T; the bytes that are left hold as many.
  template <class T>
  [[nodiscard]] std::size_t number_count() {
    expect(ArchiveTag::numbers);
    expect(detail::tag_of<std::remove_const_t<T>>());
    return count(sizeof(T));
  }
  [[nodiscard]] std::size_t count(std::size_t bytes_each) {
    const auto n = get<std::uint64_t>();
    if (n > (bytes_.size() - position_) / bytes_each)
      broken("{} elements of at least {} bytes each: {} bytes are left", n, bytes_each,
             bytes_.size() - position_);
    return static_cast<std::size_t>(n);
  }
  template <class T>
  void take(T* to, std::size_t n) {
    if (n > 0) std::memcpy(to, bytes_.data() + position_, n * sizeof(T));
    position_ += n * sizeof(T);
  }
  template <class T>
  [[nodiscard]] T get() {
    if (bytes_.size() - position_ < sizeof(T))
      broken("the archive ends here: {} more bytes are expected", sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  std::span<const std::byte> bytes_;
  std::string name_, part_;
  std::size_t offset_ = 0, position_ = 0;
  std::vector<Example> examples_;
};

}  // namespace zofo
