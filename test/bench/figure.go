// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Measures of the figure, in pixels.
const (
	figureWidth = 960
	labelWidth  = 480
	barHeight   = 14
	barGap      = 3
	rowGap      = 14
	headHeight  = 56
	widest      = 3.0 // in units of the contender that the others are compared with
)

// Figure draws each row that all contenders have as bars, as an SVG: how much each
// contender needs, where the second of them needs 1; a line stands where ours must
// end. Bars that would be longer than the page are cut, and say so by their number.
func (r *Report) Figure(out io.Writer) error {
	var bars strings.Builder
	order := r.Order
	scale := float64(figureWidth-labelWidth-150) / widest
	y := headHeight
	for _, row := range r.Rows {
		one := row.Median[order[1]]
		if one == 0 || len(row.Ratio) < len(order)-1 {
			continue
		}
		top := y
		text(&bars, labelWidth-10, y+barHeight*len(order)/2+8, "name", row.Name)
		for i, name := range order {
			value := row.Median[name]
			_, _ = fmt.Fprintf(&bars, `<rect x="%d" y="%d" width="%.1f" height="%d" class="c%d"/>`+"\n",
				labelWidth, y, min(value/one, widest)*scale, barHeight, i)
			text(&bars, labelWidth+int(min(value/one, widest)*scale)+6, y+barHeight-3, "number",
				fmt.Sprintf("%.2f (%.4g %s)", value/one, value, row.Unit))
			y += barHeight + barGap
		}
		if row.Budget != nil && row.Budget.Than == order[1] {
			_, _ = fmt.Fprintf(&bars, `<rect x="%.1f" y="%d" width="2" height="%d" class="must"/>`+"\n",
				labelWidth+row.Budget.Must*scale, top-2, y-top+1)
		}
		y += rowGap
	}
	var legend strings.Builder
	for i, name := range order {
		_, _ = fmt.Fprintf(&legend, `<rect x="%d" y="16" width="14" height="14" class="c%d"/>`+"\n", 20+i*190, i)
		text(&legend, 40+i*190, 28, "legend", name)
	}
	text(&legend, 20, headHeight-10, "note", order[1]+" is 1; less is better; a red line is what "+order[0]+" must reach; medians, "+r.Machine)
	_, err := fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">
<style>svg{background:#fff}.c0{fill:#0b6e99}.c1{fill:#9aa5ab}.c2{fill:#c9ced1}.c3{fill:#7fb7cf}.must{fill:#c0392b}text{fill:#222;font-size:13px}.name{text-anchor:end}.number{font-size:11px}.note{font-size:12px}</style>
%s%s</svg>
`, figureWidth, y, legend.String(), bars.String())
	if err != nil {
		return fmt.Errorf("draw the figure: %w", err)
	}
	return nil
}

func text(out *strings.Builder, x, y int, style, words string) {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(words)) // A Builder takes everything.
	_, _ = fmt.Fprintf(out, `<text x="%d" y="%d" class="%s">%s</text>`+"\n", x, y, style, escaped.String())
}
