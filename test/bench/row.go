// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import "fmt"

// reference is the contender that budgets and the figure compare with.
const reference = "HAProxy"

// Budget is what has to be reached in a row, and what is aimed at.
type Budget struct {
	// Than is the contender whose figure the bounds are multiples of; empty where
	// they are bounds of the figure itself.
	Than string  `json:"than,omitempty"`
	Must float64 `json:"must"`
	Aim  float64 `json:"aim"`
}

// Verdict says how a figure stands to its budget.
type Verdict string

// The verdicts. Rows without a budget, or without a figure to compare with one,
// have none.
const (
	WithinAim  Verdict = "within aim"
	WithinMust Verdict = "within must"
	AboveMust  Verdict = "ABOVE must"
)

// of judges a figure, or a ratio where the budget is one.
func (b *Budget) of(value float64) Verdict {
	switch {
	case value <= b.Aim:
		return WithinAim
	case value <= b.Must:
		return WithinMust
	default:
		return AboveMust
	}
}

func (b *Budget) String() string {
	if b == nil {
		return "-"
	}
	if b.Than == "" {
		return fmt.Sprintf("≤ %g, aim %g", b.Must, b.Aim)
	}
	return fmt.Sprintf("≤ %g × %s, aim %g", b.Must, b.Than, b.Aim)
}

// times is a budget in multiples of the reference.
func times(must, aim float64) *Budget { return &Budget{Than: reference, Must: must, Aim: aim} }

// row is one thing that is measured; less is better.
type row struct {
	name, unit string
	budget     *Budget
}

// idleRow is what a connection costs that nothing is said over.
func idleRow(n int) row {
	return row{fmt.Sprintf("memory per idle connection, %d open", n), "KB", times(0.5, 0.3)}
}

func afterMessageRow(n int) row {
	return row{fmt.Sprintf("the same after one message of 16 KB each, %d open", n), "KB", times(0.7, 0.3)}
}

func afterClosingRow(n int) row {
	return row{fmt.Sprintf("memory after %d were closed ÷ at start", n), "×", &Budget{Must: 2, Aim: 1.3}}
}

func fullRow() row {
	return row{"CPU per full TLS 1.3 handshake + upgrade", "µs", times(0.95, 0.75)}
}

// resumedRow has no figures of those who do not resume.
func resumedRow() row { return row{"CPU per resumed TLS 1.3 handshake + upgrade", "µs", nil} }

// percent is the unit of shares.
const percent = "%"

func notResumedRow() row { return row{"reconnects that did not resume their session", percent, nil} }

func hybridRow() row {
	return row{"CPU per full handshake + upgrade, client offers X25519MLKEM768 as well", "µs", nil}
}

func stormRow() row { return row{"p99 of 128 B echo during a storm of handshakes", "ms", nil} }

func closedRow() row {
	return row{"connections closed by a renewed certificate", percent, &Budget{}}
}

// echoed is a size of messages.
type echoed struct {
	name        string
	size        int
	connections int
	// cost is the budget of the processor time.
	cost *Budget
}

// sizes of the messages that are echoed.
func sizes() []echoed {
	return []echoed{
		{"128 B", 128, 64, times(0.95, 0.8)},
		{"1 KB", 1 << 10, 64, nil},
		{"16 KB, one frame,", 16 << 10, 16, times(0.7, 0.5)},
		{"1 MB, one frame,", 1 << 20, 4, nil},
	}
}

func (e echoed) costRow() row {
	return row{fmt.Sprintf("CPU per %s echo, %d connections", e.name, e.connections), "µs", e.cost}
}

func (e echoed) p99Row() row {
	return row{fmt.Sprintf("p99 of %s echo, %d connections, as fast as it goes", e.name, e.connections), "ms", times(1.1, 0.9)}
}

func halfLoadRow(percentile int, budget *Budget) row {
	return row{fmt.Sprintf("p%d of 128 B echo at half load", percentile), "ms", budget}
}
