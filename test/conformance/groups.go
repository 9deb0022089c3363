// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

// Groups returns all cases. The numbers of the groups are those of the Autobahn test
// suite; the cases are our own, many of them about what its cases of the same number
// are about.
func Groups() []Group {
	return []Group{
		{1, "Framing", framing()},
		{2, "Pings and pongs", pings()},
		{3, "Reserved bits", reservedBits()},
		{4, "Reserved opcodes", opcodes()},
		{5, "Fragmentation", fragmentation()},
		{6, "UTF-8", texts()},
		{7, "Closing handshake", closings()},
		{9, "Large messages, many messages", sizes()},
		{10, "Messages that a client cuts by itself", cuts()},
		{12, "Compression", compression()},
		{13, "Offers of compression", offers()},
	}
}
