package exporter

import (
	"container/heap"
	"time"
)

// queue has the portals that wait to be read, the first that is due in front.
type queue []*portal

// Len returns how many wait.
func (q queue) Len() int { return len(q) }

// Less orders them by when they are due, and by name.
func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].profile.Name < q[j].profile.Name
	}
	return q[i].due.Before(q[j].due)
}

// Swap is for package heap.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is for package heap.
func (q *queue) Push(p any) {
	p.(*portal).place = len(*q)
	*q = append(*q, p.(*portal))
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = nil
	*q, p.place = (*q)[:last], nowhere
	return p
}

// nowhere is the place of a portal that does not wait.
const nowhere = -1

// put has a portal wait until it is due.
func (q *queue) put(p *portal, due time.Time) {
	p.due = due
	if p.place == nowhere {
		heap.Push(q, p)
	} else {
		heap.Fix(q, p.place)
	}
}

// drop has a portal wait no more.
func (q *queue) drop(p *portal) {
	if p.place != nowhere {
		heap.Remove(q, p.place)
	}
}

// take returns the portal that is due the longest; nil and how long nobody is, or -1
// if nobody waits at all.
func (q *queue) take(now time.Time) (*portal, time.Duration) {
	if len(*q) == 0 {
		return nil, -1
	}
	if wait := (*q)[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(q).(*portal), 0
}
