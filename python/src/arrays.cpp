#include "arrays.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>

namespace zofo::python {

namespace {

std::string type_of(nb::handle object) { return nb::cast<std::string>(nb::type_name(object.type())); }

nb::object numpy(const char* function) { return nb::module_::import_("numpy").attr(function); }

}  // namespace

std::string text_of(const nb::object& object) { return nb::cast<std::string>(nb::str(object)); }

Reference::Reference(const Reference& other) {
  if (other.object_ == nullptr) return;
  const nb::gil_scoped_acquire gil;
  object_ = other.object_;
  Py_INCREF(object_);
}
Reference::~Reference() {
  if (object_ == nullptr || Py_IsInitialized() == 0) return;
  const nb::gil_scoped_acquire gil;
  Py_DECREF(object_);
}

Array::Array(nb::handle array, const std::string& name) {
  require(nb::isinstance(array, numpy("ndarray")), "{}: {}: must be a NumPy array", name, type_of(array));
  const std::string dtype = text_of(array.attr("dtype"));
  require(dtype == "float32" || dtype == "float64", "{}: dtype {}: must be float32 or float64", name, dtype);
  const nb::object flags = array.attr("flags");
  require(nb::cast<bool>(flags.attr("c_contiguous")),
          "{}: its rows have gaps: must be C-contiguous (numpy.ascontiguousarray makes a copy)", name);
  require(nb::cast<bool>(flags.attr("aligned")), "{}: its memory is not aligned", name);
  require(nb::cast<bool>(flags.attr("writeable")), "{}: is read-only: must be writable", name);
  take(nb::borrow(array));
}

void Array::take(nb::object array) {
  Py_buffer view;
  if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_ND | PyBUF_WRITABLE) != 0) throw nb::python_error();
  data_ = view.buf;
  wide_ = view.itemsize == sizeof(double);
  size_ = static_cast<std::size_t>(view.len / view.itemsize);
  shape_.assign(view.shape, view.shape + view.ndim);
  PyBuffer_Release(&view);
  array_ = Reference(std::move(array));
  view_ = Reference();
}

Array Array::zeros_like(const Array& other) {
  const nb::gil_scoped_acquire gil;
  Array zeros;
  zeros.take(numpy("zeros_like")(other.writable(), nb::arg("order") = "C", nb::arg("subok") = false));
  return zeros;
}

Array::Array(const Array& other) {
  if (other.array_.empty()) return;
  const nb::gil_scoped_acquire gil;
  take(numpy("array")(other.writable(), nb::arg("order") = "C", nb::arg("copy") = true));
}
Array::Array(Array&& other) noexcept
    : array_(std::move(other.array_)),
      view_(std::move(other.view_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      shape_(std::move(other.shape_)),
      wide_(other.wide_) {}

Array& Array::operator=(const Array& other) {
  if (this == &other) return *this;
  if (like(other) && data_ != nullptr) {
    if (size_ > 0) std::memmove(data_, other.data_, bytes());
    return *this;
  }
  return *this = Array(other);
}
Array& Array::operator=(Array&& other) noexcept {
  if (this == &other) return *this;
  if (like(other) && data_ != nullptr && other.data_ != nullptr) {
    if (size_ > 0) std::memmove(data_, other.data_, bytes());
    return *this;
  }
  array_ = std::move(other.array_);
  view_ = std::move(other.view_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  shape_ = std::move(other.shape_);
  wide_ = other.wide_;
  return *this;
}

nb::handle Array::read_only() const {
  if (view_.empty()) {
    nb::object view = array_.get().attr("view")();
    view.attr("setflags")(nb::arg("write") = false);
    view_ = Reference(std::move(view));
  }
  return view_.get();
}

Theta::Theta(nb::handle given) {
  if (nb::isinstance<nb::dict>(given)) {
    several_ = true;
    for (const auto& [key, value] : nb::borrow<nb::dict>(given)) {
      require(nb::isinstance<nb::str>(key), "theta: a key of type {}: must be str", type_of(key));
      names_.push_back(nb::cast<std::string>(key));
      tensors_.emplace_back(value, fmt::format("theta['{}']", names_.back()));
    }
  } else if (nb::isinstance<nb::tuple>(given) || nb::isinstance<nb::list>(given)) {
    several_ = true;
    for (const nb::handle each : given)
      tensors_.emplace_back(each, fmt::format("theta[{}]", tensors_.size()));
  } else {
    tensors_.emplace_back(given, "theta");
  }
}

Theta& Theta::operator=(Theta&& other) noexcept {
  if (this == &other) return *this;
  if (tensors_.size() == other.tensors_.size())
    std::move(other.tensors_.begin(), other.tensors_.end(), tensors_.begin());  // each keeps its memory
  else
    tensors_ = std::move(other.tensors_);
  names_ = std::move(other.names_);
  several_ = other.several_;
  return *this;
}

nb::object Theta::shown() const {
  if (!several_) return nb::borrow(tensors_.front().read_only());
  if (!names_.empty()) {
    nb::dict views;
    for (std::size_t i = 0; i < tensors_.size(); ++i) views[names_[i].c_str()] = tensors_[i].read_only();
    return views;
  }
  nb::list views;
  for (const Array& each : tensors_) views.append(each.read_only());
  return nb::tuple(views);
}

}  // namespace zofo::python
