package annotate

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// TextOptions say how a tree is printed.
type TextOptions struct {
	// Full prints long byte strings and texts whole.
	Full bool
}

// column is where the explanations begin, if the element leaves room.
const column = 74

// WriteText prints a tree for people: one element a line with its offset in hex, and after a semicolon the clause and meaning.
func WriteText(out io.Writer, root *Node, o TextOptions) error {
	p := &textPrinter{out: bufio.NewWriter(out), o: o, last: -1}
	if root != nil {
		p.node(root, 0, false, false)
	}
	return p.out.Flush()
}

type textPrinter struct {
	out  *bufio.Writer
	o    TextOptions
	last int // offset of the line before, so that one offset is printed once
}

func (p *textPrinter) line(offset, depth int, left, comment string) {
	at := "      "
	if offset >= 0 {
		at = fmt.Sprintf("%6x", offset)
	}
	text := at + "  " + strings.Repeat("  ", depth) + left
	if comment == "" {
		fmt.Fprintln(p.out, strings.TrimRight(text, " "))
		return
	}
	if pad := column - utf8.RuneCountInString(text); pad > 0 && left != "" {
		text += strings.Repeat(" ", pad)
	} else if left != "" {
		text += "  "
	}
	fmt.Fprintln(p.out, text+"; "+comment)
}

// node prints one element; list tells that it stands in CBOR brackets, more that another follows it there.
func (p *textPrinter) node(n *Node, depth int, list, more bool) {
	if n.Type == "note" {
		p.line(-1, depth, "", n.Name+": "+shortText(n.Value, p.o.Full))
		return
	}
	comma := ""
	if list && more {
		comma = ","
	}
	left := ""
	if n.Key != "" {
		left = n.Key + ": "
	}
	comment := p.comment(n)
	switch {
	case n.open == "" && n.Value == "": // a thing that is not CBOR
		p.line(n.Offset, depth, "", comment)
		p.children(n, depth+1)
	case n.open == "":
		p.line(n.Offset, depth, left+p.value(n)+comma, comment)
		p.children(n, depth+2)
	case len(n.Children) == 0:
		p.line(n.Offset, depth, left+n.open+n.shut+comma, comment)
	default:
		p.line(n.Offset, depth, left+n.open, comment)
		p.children(n, depth+1)
		p.line(-1, depth, n.shut+comma, "")
	}
}

func (p *textPrinter) children(n *Node, depth int) {
	for i, c := range n.Children {
		p.node(c, depth, n.open != "", i+1 < len(n.Children))
	}
}

func (p *textPrinter) value(n *Node) string {
	if n.bytes != nil {
		if n.Type == "tag" {
			return n.Value
		}
		return shortBytes(n.bytes, p.o.Full)
	}
	return shortText(n.Value, p.o.Full)
}

// comment joins what is known: the name where the line does not show it, the structure's type, the clause, the meaning.
func (p *textPrinter) comment(n *Node) string {
	var head []string
	if n.Name != "" && n.Key != quote(n.Name) && n.Key != n.Name {
		head = append(head, n.Name)
	}
	if upper(n.Type) && n.Type != n.Name {
		head = append(head, n.Type)
	}
	words := strings.Join(head, ", ")
	if n.Clause != "" && (words != "" || n.Meaning != "") {
		if words != "" {
			words += ", "
		}
		words += ShortClause(n.Clause)
	}
	switch {
	case n.Meaning == "":
		return words
	case words == "":
		return n.Meaning
	}
	return words + ": " + n.Meaning
}

// ShortClause shortens a clause for a line: "ISO/IEC 18013-5:2021, 9.1.2.4" becomes "18013-5 9.1.2.4".
func ShortClause(s string) string {
	s = strings.ReplaceAll(s, "ISO/IEC 18013-5:2021, ", "18013-5 ")
	s = strings.ReplaceAll(s, "ISO/IEC 18013-5 second edition, ", "18013-5 ed2 ")
	s = strings.ReplaceAll(s, "ISO/IEC TS 18013-7, ", "18013-7 ")
	return strings.Replace(s, ", ", " ", 1)
}
