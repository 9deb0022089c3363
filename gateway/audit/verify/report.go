// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package verify

// Kind is what was found.
type Kind string

// The kinds of findings.
const (
	// Deleted lines are in no place of the input.
	Deleted Kind = "deleted"
	// Edited lines do not match the hash that the next line has of them.
	Edited Kind = "edited"
	// Reordered lines stand behind lines that were written later.
	Reordered Kind = "reordered"
	// Duplicated lines have a number that there was before.
	Duplicated Kind = "duplicated"
	// Truncated lines are cut, or else damaged so that they are no record.
	Truncated Kind = "truncated"
	// NoBeginning is a stream whose first lines are not in the input.
	NoBeginning Kind = "no_beginning"
	// NoEnd is a stream without its final checkpoint, where one is wanted.
	NoEnd Kind = "no_end"
	// BehindEnd are lines behind a final checkpoint.
	BehindEnd Kind = "behind_end"
	// Miscounted checkpoints tell other sums than the lines before them.
	Miscounted Kind = "miscounted"
	// Unsigned, BadSignature and UnknownKey are checkpoints that the given keys
	// do not vouch for.
	Unsigned     Kind = "unsigned"
	BadSignature Kind = "bad_signature"
	UnknownKey   Kind = "unknown_key"
)

// Finding is something that should not be.
type Finding struct {
	Kind Kind `json:"kind"`
	// File and Line tell where: the line itself, or the one behind the place where
	// it is missing.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Boot and Stream are those of the line, Sequence is its number. UpTo is the
	// last one of several lines.
	Boot     string `json:"boot,omitempty"`
	Stream   string `json:"stream,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	UpTo     uint64 `json:"upTo,omitempty"`
	// Message is for people.
	Message string `json:"message"`

	order uint64
}

// Stream is what one stream of one boot holds.
type Stream struct {
	Gateway string `json:"gateway"`
	Pod     string `json:"pod"`
	Boot    string `json:"boot"`
	Stream  string `json:"stream,omitempty"`
	// First and Last are sequence numbers.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Records are the lines that were read.
	Records uint64 `json:"records"`
	// Opened, Closed, Denied and Lost are sums since the boot, even where the
	// beginning is missing, as soon as there was a checkpoint.
	Opened uint64 `json:"opened"`
	Closed uint64 `json:"closed"`
	Denied uint64 `json:"denied"`
	Lost   uint64 `json:"lost"`
	// Open is how many connections were opened and not closed; exact, unless
	// Estimated: the beginning is missing and no checkpoint sums it up, or lines
	// or events were lost.
	Open      int64 `json:"open"`
	Estimated bool  `json:"estimated,omitempty"`
	// Complete streams end with a final checkpoint.
	Complete bool `json:"complete"`
	// Torn is true when the last line is cut off, as by a kill.
	Torn bool `json:"torn,omitempty"`
	// SignedUpTo is the number of the last checkpoint that a given key has signed.
	SignedUpTo uint64 `json:"signedUpTo,omitempty"`
}

// Report is what was found in all inputs.
type Report struct {
	Streams []Stream `json:"streams"`
	// Findings in the order of the input, at most maxFindings of them; More is how
	// many there are besides.
	Findings []Finding `json:"findings"`
	More     int       `json:"more,omitempty"`
	// OtherLines are no audit records.
	OtherLines uint64 `json:"otherLines,omitempty"`
	// TornLines are parts of lines that a failing sink left, and that the gateway
	// wrote again.
	TornLines uint64 `json:"tornLines,omitempty"`
}
