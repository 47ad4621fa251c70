package store

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/bursarhq/bursar/ledger"
)

// memory is what a poster remembers of the books it wrote last, so that the next
// requests on them need not read them first. It may be wrong at any time: others
// write too. What is worked out from it is written only where the tables still say
// the same. It is used by one goroutine.
//
// Only books in which nothing is held are remembered: what is held may be over by
// the next request.
type memory struct {
	books *simplelru.LRU[bookName, rememberedBook]
}

type bookName struct {
	portal string
	book   ledger.Book
}

type rememberedBook struct {
	state   ledger.BookState
	pockets []ledger.Pocket
}

// maxRemembered is how many books a memory has room for: some ten megabytes.
const maxRemembered = 32_768

func newMemory() *memory {
	books, err := simplelru.NewLRU[bookName, rememberedBook](maxRemembered, nil)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &memory{books}
}

// recall gives a batch the books that are remembered, and returns what else it
// needs.
func (m *memory) recall(batch *ledger.Batch, needs ledger.Needs) ledger.Needs {
	var unknown []ledger.BookState
	for _, book := range needs.Books {
		known, ok := m.books.Get(bookName{book.Portal, book.Book})
		if !ok {
			unknown = append(unknown, book)
			continue
		}
		batch.AddBook(known.state)
		for _, pocket := range known.pockets {
			batch.AddPocket(pocket)
		}
	}
	needs.Books = unknown
	return needs
}

// keep remembers the books that requests had to do with, as they are after them.
func (m *memory) keep(batch *ledger.Batch, needs ledger.Needs) {
	for _, book := range needs.Books {
		name := bookName{book.Portal, book.Book}
		state, pockets, ok := batch.Book(book.Portal, book.Book)
		for _, pocket := range pockets {
			ok = ok && pocket.Held.Sign() == 0
		}
		if ok {
			m.books.Add(name, rememberedBook{state, pockets})
		} else {
			m.books.Remove(name)
		}
	}
}

// forget forgets the books that requests have to do with.
func (m *memory) forget(needs ledger.Needs) {
	for _, book := range needs.Books {
		m.books.Remove(bookName{book.Portal, book.Book})
	}
}
