// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"unicode/utf8"
)

// Table is rows below a heading.
type Table struct {
	heading []string
	rows    [][]string
	right   map[int]bool
}

// NewTable makes a table with these columns. A heading that begins with ">" is of
// a column of numbers, which end at the same place.
func NewTable(heading ...string) *Table {
	t := &Table{right: map[int]bool{}}
	for i, name := range heading {
		plain, number := strings.CutPrefix(name, ">")
		t.right[i] = number
		t.heading = append(t.heading, plain)
	}
	return t
}

// Row adds a row, one cell for each column.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = Printable(cell)
	}
	t.rows = append(t.rows, row)
}

// Len counts the rows.
func (t *Table) Len() int { return len(t.rows) }

// Lines are the heading and the rows, each cut to width; 0 for as wide as they are.
func (t *Table) Lines(width int) []string {
	widths := make([]int, len(t.heading))
	for _, row := range append([][]string{t.heading}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, 0, len(t.rows)+1)
	for _, row := range append([][]string{t.heading}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
			if i < len(row)-1 {
				line.WriteString("  ")
			}
		}
		lines = append(lines, Cut(strings.TrimRight(line.String(), " "), width))
	}
	return lines
}

// String is the table as lines.
func (t *Table) String() string { return strings.Join(t.Lines(0), "\n") + "\n" }
