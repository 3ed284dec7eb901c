package probes

// queue holds the rows of a lane that wait to be asked, and counts who asks.
type queue struct {
	rows    []*row
	workers int
}

func (q *queue) put(r *row) { q.rows = append(q.rows, r) }

// hire returns how many more workers the queue needs, and books them.
func (q *queue) hire(most int) int {
	n := max(min(len(q.rows), most-q.workers), 0)
	q.workers += n
	return n
}

// take returns the next row; nil, and the worker is booked out, when there is
// none.
func (q *queue) take() *row {
	if len(q.rows) == 0 {
		q.workers--
		return nil
	}
	r := q.rows[0]
	q.rows[0] = nil
	q.rows = q.rows[1:]
	return r
}
