// A list whose copies share their elements, so that a snapshot of it costs a pointer each. An element never changes; it
// can be replaced.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace tegrascope {

template <class T>
class SharedList {
  using Elements = std::vector<std::shared_ptr<const T>>;

 public:
  class const_iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = const T&;

    const_iterator() = default;
    reference operator*() const { return **at_; }
    pointer operator->() const { return at_->get(); }
    const_iterator& operator++() {
      ++at_;
      return *this;
    }
    const_iterator& operator--() {
      --at_;
      return *this;
    }
    const_iterator operator++(int) { return const_iterator(at_++); }
    const_iterator operator--(int) { return const_iterator(at_--); }
    friend bool operator==(const const_iterator&, const const_iterator&) = default;

   private:
    friend SharedList;
    explicit const_iterator(typename Elements::const_iterator at) : at_(at) {}
    typename Elements::const_iterator at_{};
  };
  using iterator = const_iterator;
  using value_type = T;
  using const_reference = const T&;
  using size_type = std::size_t;
  using const_reverse_iterator = std::reverse_iterator<const_iterator>;

  SharedList() = default;
  SharedList(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }

  void push_back(T element) { elements_.push_back(std::make_shared<const T>(std::move(element))); }
  void pop_front() { elements_.erase(elements_.begin()); }
  void replace(const_iterator place, T element) {
    elements_[static_cast<std::size_t>(place.at_ - elements_.cbegin())] =
        std::make_shared<const T>(std::move(element));
  }

  const_iterator begin() const { return const_iterator(elements_.begin()); }
  const_iterator end() const { return const_iterator(elements_.end()); }
  const_reverse_iterator rbegin() const { return const_reverse_iterator(end()); }
  const_reverse_iterator rend() const { return const_reverse_iterator(begin()); }
  bool empty() const { return elements_.empty(); }
  std::size_t size() const { return elements_.size(); }
  const T& operator[](std::size_t i) const { return *elements_[i]; }
  const T& at(std::size_t i) const { return *elements_.at(i); }
  const T& back() const { return *elements_.back(); }

 private:
  Elements elements_;
};

}  // namespace tegrascope
