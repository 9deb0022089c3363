// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package exit says how the command line ends: which number goes with which
// kind of trouble.
package exit

import (
	"errors"
	"fmt"
)

// Exit statuses, as --help lists them.
const (
	OK = 0
	// Problem: something that was looked at is wrong, or could not be done.
	Problem = 1
	// Usage: the command line is wrong.
	Usage = 2
	// Unknown: it cannot be told, because something is not at hand.
	Unknown = 3
)

// Ends of commands that have printed all there is to say.
var (
	ErrProblems = errors.New("there are problems")
	ErrUnknown  = errors.New("it cannot be told")
)

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

// Error implements error.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap answers what is wrong.
func (e UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError of one sentence.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Silent tells whether an error has been explained on the output already.
func Silent(err error) bool { return errors.Is(err, ErrProblems) || errors.Is(err, ErrUnknown) }

// Code answers the exit status for the end of a command.
func Code(err error) int {
	if err == nil {
		return OK
	}
	if errors.Is(err, ErrUnknown) {
		return Unknown
	}
	if _, wrong := errors.AsType[UsageError](err); wrong {
		return Usage
	}
	return Problem
}
