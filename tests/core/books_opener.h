// How fixtures open books: embedded ones, unless a test says otherwise (books_backend.h).
#pragma once

#include <functional>

#include "core/accounting/books.h"

namespace netpas::accounting::test {

using BooksOpener = std::function<tl::expected<Books, store::StoreError>(const Books::Options&, SystemTime)>;

inline BooksOpener& booksOpener() {
    static BooksOpener opener = [](const Books::Options& options, SystemTime now) { return Books::open(options, now); };
    return opener;
}

inline tl::expected<Books, store::StoreError> openBooks(const Books::Options& options, SystemTime now) {
    return booksOpener()(options, now);
}

}  // namespace netpas::accounting::test
