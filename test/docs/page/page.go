// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package page reads what tests need of a page of documentation in Markdown:
// code blocks, links and the anchors that links may lead to.
package page

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Block is one fenced code block.
type Block struct {
	// Language is the first word after the fence.
	Language string
	// Text is what is between the fences.
	Text string
	// Line is where the text begins, from 1.
	Line int
	// Note is the text of a comment, <!-- TEXT -->, on the line before the fence.
	Note string
}

// Link is a link or an image.
type Link struct {
	// Target is what the page says, with its anchor.
	Target string
	// Line is where it is, from 1.
	Line int
}

// line is one line of a page and where it is.
type line struct {
	text   string
	number int
}

// Blocks returns the fenced code blocks of a page in order.
func Blocks(text string) []Block {
	blocks, _ := split(text)
	return blocks
}

// split tells code blocks from the other lines. A fence is closed by one of at
// least the same length.
func split(text string) (blocks []Block, others []line) {
	fence, before := "", ""
	for number, content := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(content)
		switch {
		case fence != "" && strings.HasPrefix(trimmed, fence) && strings.Trim(trimmed, "`~") == "":
			fence = ""
		case fence != "":
			blocks[len(blocks)-1].Text += content + "\n"
		case strings.HasPrefix(trimmed, "```"), strings.HasPrefix(trimmed, "~~~"):
			info := strings.TrimLeft(trimmed, trimmed[:1])
			fence = trimmed[:len(trimmed)-len(info)]
			language, _, _ := strings.Cut(strings.TrimSpace(info), " ")
			blocks = append(blocks, Block{Language: language, Line: number + 2, Note: note(before)})
		default:
			others = append(others, line{content, number + 1})
		}
		before = trimmed
	}
	return blocks, others
}

func note(line string) string {
	text, begins := strings.CutPrefix(line, "<!--")
	text, ends := strings.CutSuffix(text, "-->")
	if !begins || !ends {
		return ""
	}
	return strings.TrimSpace(text)
}

// Links returns all links that are in no code.
func Links(text string) []Link {
	target := regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|(?:src|href)="([^"]+)"`)
	var links []Link
	_, lines := split(text)
	for _, each := range lines {
		for _, match := range target.FindAllStringSubmatch(withoutCode(each.text), -1) {
			links = append(links, Link{Target: match[1] + match[2], Line: each.number})
		}
	}
	return links
}

// Code returns what is written as code within the text: paths, commands, names.
func Code(text string) []Link {
	span := regexp.MustCompile("`([^`]+)`")
	var found []Link
	_, lines := split(text)
	for _, each := range lines {
		for _, match := range span.FindAllStringSubmatch(each.text, -1) {
			found = append(found, Link{Target: match[1], Line: each.number})
		}
	}
	return found
}

func withoutCode(text string) string {
	return regexp.MustCompile("`[^`]*`").ReplaceAllString(text, "")
}

// Anchors returns the anchors of a page's headings, as GitHub and most others
// make them, and those that are written down.
func Anchors(text string) map[string]bool {
	heading := regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	written := regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	found := map[string]bool{}
	_, lines := split(text)
	for _, each := range lines {
		for _, match := range written.FindAllStringSubmatch(each.text, -1) {
			found[match[1]] = true
		}
		match := heading.FindStringSubmatch(each.text)
		if match == nil {
			continue
		}
		name := anchor(match[1])
		for again := 1; found[name]; again++ {
			name = fmt.Sprintf("%s-%d", anchor(match[1]), again)
		}
		found[name] = true
	}
	return found
}

// anchor is a heading in lower case, without links and punctuation, with "-" for
// spaces.
func anchor(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(char rune) rune {
		switch {
		case char == ' ':
			return '-'
		case char == '-', char == '_', unicode.IsLetter(char), unicode.IsDigit(char):
			return unicode.ToLower(char)
		default:
			return -1
		}
	}, heading)
}

// Documents returns what a shell script hands to programs as here-documents, with
// the commands in them ($(...)) replaced by what stand answers.
func Documents(script string, stand func(command string) string) []string {
	begin := regexp.MustCompile(`<<-?\s*['"]?(\w+)['"]?`)
	command := regexp.MustCompile(`\$\(([^)]*)\)`)
	var documents []string
	end := ""
	for each := range strings.Lines(script) {
		each = strings.TrimSuffix(each, "\n")
		switch match := begin.FindStringSubmatch(each); {
		case end != "" && strings.TrimSpace(each) == end:
			end = ""
		case end != "":
			documents[len(documents)-1] += command.ReplaceAllStringFunc(each, func(found string) string {
				return stand(command.FindStringSubmatch(found)[1])
			}) + "\n"
		case match != nil:
			end = match[1]
			documents = append(documents, "")
		}
	}
	return documents
}
