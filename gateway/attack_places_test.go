// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func basic(text string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

// places are attacks by where and how a good credential, or part of one, is
// shown.
func (f *fortress) places(t *testing.T) []attack {
	t.Helper()
	token := f.mint.good(t)
	var rows []attack
	for _, list := range [][]attack{headerPlaces(token), subprotocolPlaces(token), pagePlaces(token), keyPlaces(), passwordPlaces()} {
		rows = append(rows, list...)
	}
	return rows
}

func headerPlaces(token string) []attack {
	const bad, none, malformed = outcome.BadCredential, outcome.NoCredential, outcome.BadRequest
	return []attack{
		{"header: nothing", on("/token"), none},
		{"header: empty", on("/token", "Authorization:"), none},
		{"header: the scheme alone", on("/token", "Authorization: Bearer"), bad},
		{"header: the scheme and a blank", on("/token", "Authorization: Bearer "), bad},
		{"header: no blank", on("/token", "Authorization: Bearer"+token), none},
		{"header: a tab", on("/token", "Authorization: Bearer\t"+token), none},
		{"header: a colon", on("/token", "Authorization: Bearer: "+token), none},
		{"header: another scheme", on("/token", "Authorization: Token "+token), none},
		{"header: no scheme", on("/token", "Authorization: "+token), none},
		{"header: two words", on("/token", "Authorization: Bearer "+token+" x"), bad},
		{"header: a blank inside", on("/token", "Authorization: Bearer "+token[:20]+" "+token[20:]), bad},
		{"header: a tab behind the blank", on("/token", "Authorization: Bearer \t"+token), bad},
		{"header: a blank that is none", on("/token", "Authorization: Bearer \u00a0"+token), bad},
		{"header: a list", on("/token", "Authorization: Bearer "+token+", Bearer "+token), bad},
		{"header: twice the same", on("/token", "Authorization: Bearer "+token+"\r\nAuthorization: Bearer "+token), bad},
		{"header: twice, the first one good", on("/token", "Authorization: Bearer "+token+"\r\nauthorization: Bearer x"), bad},
		{"header: twice, the second one good", on("/token", "Authorization: Basic eDp5\r\nAUTHORIZATION: Bearer "+token), bad},
		{"header: a blank before the colon", on("/token", "Authorization : Bearer "+token), malformed},
		{"header: another name", on("/token", "X-Authorization: Bearer "+token), none},
		{"header: an underscore", on("/token", "Author_ization: Bearer "+token), none},
		{"header: for a proxy", on("/token", "Proxy-Authorization: Bearer "+token), none},
		{"header: a carriage return inside", on("/token", "Authorization: Bearer "+token+"\rX-User: root"), malformed},
		{"header and subprotocol", on("/token", "Authorization: Bearer "+token, "Sec-WebSocket-Protocol: bearer, "+token), bad},
		{"header and query", on("/token?access_token="+token, "Authorization: Bearer "+token), bad},
		{"header and cookie", on("/token", "Authorization: Bearer "+token, "Cookie: session="+token), bad},
	}
}

func subprotocolPlaces(token string) []attack {
	offer := func(list string) string { return on("/token", "Sec-WebSocket-Protocol: "+list) }
	k8s := contract.SubprotocolBase64URL + "."
	const bad, none, malformed = outcome.BadCredential, outcome.NoCredential, outcome.BadRequest
	return []attack{
		{"subprotocol: a thousand", offer("bearer, " + token + numbered(1000)), malformed},
		{"subprotocol: a thousand short ones", offer("bearer, x" + strings.Repeat(",y", 1000)), malformed},
		{"subprotocol: the marker twice", offer("bearer, " + token + ", bearer, " + token), malformed},
		{"subprotocol: the token twice", offer("bearer, " + token + ", " + token), malformed},
		{"subprotocol: twice in two fields", offer("chat\r\nSec-WebSocket-Protocol: chat"), malformed},
		{"subprotocol: the marker alone", offer("bearer"), bad},
		{"subprotocol: the marker last", offer("chat.v2, bearer"), bad},
		{"subprotocol: an empty token", offer("bearer,"), malformed},
		{"subprotocol: an empty token between", offer("bearer, , chat.v2"), malformed},
		{"subprotocol: a real one for a token", offer("bearer, chat.v2"), bad},
		{"subprotocol: the token before the marker", offer(token + ", bearer"), bad},
		{"subprotocol: the marker in another case", offer("Bearer, " + token), none},
		{"subprotocol: quotes", offer(`bearer, "` + token + `"`), malformed},
		{"subprotocol: a blank for the comma", offer("bearer " + token), malformed},
		{"subprotocol: a slash", offer("bearer, a/b"), malformed},
		{"subprotocol: padding", offer("bearer, " + token + "="), malformed},
		{"subprotocol: not ASCII", offer("bearer, tökén"), malformed},
		{"subprotocol: semicolons", offer("bearer; " + token), malformed},
		{"subprotocol: base64url of nothing", offer(k8s), bad},
		{"subprotocol: base64url that is none", offer(k8s + "~~~"), bad},
		{"subprotocol: base64url of a control character", offer(k8s + encoded([]byte("a\nb"))), bad},
		{"subprotocol: base64url of a line", offer(k8s + encoded([]byte(token+"\n"))), bad},
		{"subprotocol: base64url with padding", offer(k8s + encoded([]byte(token)) + "="), malformed},
		{"subprotocol: base64url not encoded", offer(k8s + token), bad},
		{"subprotocol: base64url twice", offer(k8s + encoded([]byte(token)) + ", " + k8s + encoded([]byte("x"))), bad},
		{"subprotocol: both markers", offer("bearer, " + token + ", " + k8s + encoded([]byte(token))), bad},
	}
}

// pagePlaces are what pages can do: cookies and addresses.
func pagePlaces(token string) []attack {
	cookie := func(value string) string { return on("/token", "Cookie: "+value, "Origin: "+fortressOrigin) }
	query := func(text string) string { return on("/token?"+text, "Origin: "+fortressOrigin) }
	const bad, none = outcome.BadCredential, outcome.NoCredential
	return []attack{
		{"cookie: twice the same", cookie("session=" + token + "; session=" + token), bad},
		{"cookie: planted before", cookie("session=planted; session=" + token), bad},
		{"cookie: planted behind", cookie("session=" + token + "; session=planted"), bad},
		{"cookie: in two fields", cookie("session=" + token + "\r\nCookie: session=" + token), bad},
		{"cookie: quoted", cookie(`session="` + token + `"`), bad},
		{"cookie: another case", cookie("Session=" + token), none},
		{"cookie: a prefix of the name", cookie("sess=" + token), none},
		{"cookie: the name in a value", cookie("x=session=" + token), none},
		{"cookie: in quotes of another", cookie(`x="; session=` + token + `"`), bad},
		{"cookie: a comma", cookie("x=1, session=" + token), none},
		{"cookie: empty", cookie("session="), bad},
		{"cookie: without a value", cookie("session"), bad},
		{"cookie: encoded", cookie("session=" + strings.ReplaceAll(token, ".", "%2e")), bad},
		{"cookie: a blank inside", cookie("session=" + token[:9] + " " + token[9:]), bad},
		{"cookie: from a foreign page", on("/token", "Cookie: session="+token, "Origin: https://evil.example"), outcome.OriginNotAllowed},
		{"cookie: from a sandboxed frame", on("/token", "Cookie: session="+token, "Origin: null"), outcome.OriginNotAllowed},
		{"query: twice the same", query("access_token=" + token + "&access_token=" + token), bad},
		{"query: twice, one encoded", query("access_token=" + token + "&access%5Ftoken=x"), bad},
		{"query: twice, one empty", query("access_token=&access_token=" + token), bad},
		{"query: empty", query("access_token="), bad},
		{"query: another case", query("Access_Token=" + token), none},
		{"query: a semicolon", query("x=1;access_token=" + token), none},
		{"query: an escaped NUL", query("access_token=" + token + "%00"), bad},
		{"query: an escaped line break", query("access_token=" + token + "%0d%0aX-User:root"), bad},
		{"query: escaped badly", query("access_token=" + token + "%zz"), bad},
		{"query: escaped twice", query("access_token=" + strings.ReplaceAll(token, ".", "%252e")), bad},
		{"query: a plus for a blank", query("access_token=" + token + "+"), bad},
		{"query: a list", query("access_token[]=" + token), none},
		{"query: a fragment", query("x=1#access_token=" + token), outcome.BadRequest},
		{"query: from a foreign page", on("/token?access_token="+token, "Origin: https://evil.example"), outcome.OriginNotAllowed},
	}
}

func keyPlaces() []attack {
	key := func(value string) string { return on("/key", "X-API-Key: "+value) }
	const bad, none = outcome.BadCredential, outcome.NoCredential
	rows := []attack{
		{"key: none", on("/key"), none},
		{"key: empty", key(""), bad},
		{"key: a prefix", key(fortressKey[:len(fortressKey)-1]), bad},
		{"key: longer", key(fortressKey + "0"), bad},
		{"key: another case", key(strings.ToUpper(fortressKey)), bad},
		{"key: its name", key("device-1"), bad},
		{"key: name and key", key("device-1:" + fortressKey), bad},
		{"key: a path", key("../devices/device-1"), bad},
		{"key: the digest of another", key("sha256:" + strings.Repeat("ab", 32)), bad},
		{"key: the digest in hexadecimal", key(strings.Repeat("ab", 32)), bad},
		{"key: with a scheme", key("Bearer " + fortressKey), bad},
		{"key: in Authorization", on("/key", "Authorization: Bearer "+fortressKey), none},
		{"key: twice", on("/key", "X-API-Key: "+fortressKey+"\r\nX-API-Key: "+fortressKey), bad},
		{"key: a list", key(fortressKey + "," + fortressKey), bad},
		{"key: header and query", on("/key?key="+fortressKey, "X-API-Key: "+fortressKey), bad},
		{"key: NUL in the header", key(fortressKey + "\x00"), outcome.BadRequest},
		{"key: NUL in the query", on("/key?key=" + fortressKey + "%00"), bad},
		{"key: a megabyte", key(strings.Repeat("k", 1<<20)), outcome.HeaderTooLarge},
		{"key: a megabyte in the query", on("/key?key=" + strings.Repeat("k", 1<<20)), outcome.HeaderTooLarge},
		{"key: almost a megabyte", key(strings.Repeat("k", 1020<<10)), bad},
	}
	for _, name := range []string{"X_API_Key", "X-Api-Key-", "X.API.Key", "HTTP_X_API_KEY"} {
		rows = append(rows, attack{"key: in " + name, on("/key", name+": "+fortressKey), none})
	}
	return rows
}

func passwordPlaces() []attack {
	shown := func(text string) string { return on("/password", basic(text)) }
	raw := func(text string) string { return on("/password", "Authorization: Basic "+text) }
	good := base64.StdEncoding.EncodeToString([]byte("cid:staple"))
	const bad, none = outcome.BadCredential, outcome.NoCredential
	return []attack{
		{"password: none", on("/password"), none},
		{"password: without a colon", shown("cid"), bad},
		{"password: a colon alone", shown(":"), bad},
		{"password: without a user", shown(":staple"), bad},
		{"password: empty", shown("cid:"), bad},
		{"password: a prefix", shown("cid:stapl"), bad},
		{"password: a NUL behind it", shown("cid:staple\x00"), bad},
		{"password: a line break behind it", shown("cid:staple\n"), bad},
		{"password: a user with a line break", shown("root:x\ncid:staple"), bad},
		{"password: not UTF-8", shown("cid:\xff\xfe"), bad},
		{"password: a user not UTF-8", shown("c\xefd:staple"), bad},
		{"password: the stored hash", shown("cid:" + fortressHash), bad},
		{"password: of a kilobyte", shown("cid:" + strings.Repeat("s", 1<<10)), bad},
		{"password: a user of a kilobyte", shown(strings.Repeat("c", 1<<10) + ":staple"), bad},
		{"password: the user in another case", shown("CID:staple"), bad},
		{"password: a user that does not exist", shown("root:staple"), bad},
		{"password: nothing encoded", raw(""), bad},
		{"password: not encoded", raw("cid:staple"), bad},
		{"password: without padding", raw(strings.TrimRight(good, "=")), bad},
		{"password: padding inside", raw("Y2lk=" + "OnN0YXBsZQ=="), bad},
		{"password: twice", on("/password", "Authorization: Basic "+good+"\r\nAuthorization: Basic "+good), bad},
		{"password: two words", raw(good + " " + good), bad},
		{"password: in the address", strings.Replace(on("/password"), "Host: ws", "Host: cid:staple@ws", 1), outcome.BadRequest},
		{"password: another scheme", on("/password", "Authorization: Digest "+good), none},
	}
}

// origins are pages that are not listed, for an application that asks for no
// credential.
func (f *fortress) origins() []attack {
	rows := []attack{
		{"origin: missing", on("/open"), outcome.OriginNotAllowed},
		{"origin: twice", on("/open", "Origin: "+fortressOrigin+"\r\nOrigin: "+fortressOrigin), outcome.OriginNotAllowed},
		{"origin: twice, one foreign", on("/open", "Origin: "+fortressOrigin+"\r\norigin: https://evil.example"), outcome.OriginNotAllowed},
		{"origin: a NUL", on("/open", "Origin: "+fortressOrigin+"\x00.evil.example"), outcome.BadRequest},
		{"origin: 10 KB", on("/open", "Origin: https://"+strings.Repeat("a", 10<<10)+".pages.example.com"), outcome.OriginNotAllowed},
		{"origin: in Sec-WebSocket-Origin", on("/open", "Sec-WebSocket-Origin: "+fortressOrigin), outcome.OriginNotAllowed},
		{"origin: in Referer", on("/open", "Referer: "+fortressOrigin+"/"), outcome.OriginNotAllowed},
	}
	for _, origin := range []string{
		"", "null", "NULL", "*", "https://*", "https://ws.example.com", "http://app.example.com", "wss://app.example.com", "HTTPS://app.example.com",
		"https://APP.example.com", "https://app.EXAMPLE.com", "https://app.example.com:443", "https://app.example.com:8443", "https://app.example.com.",
		"https://app.example.com/", "https://app.example.com/x", "https://app.example.com?", "https://app.example.com#", "//app.example.com", "app.example.com",
		"https://app.example.com.evil.example", "https://evilapp.example.com", "https://app.example.comevil.example", "https://app-example.com",
		"https://user@app.example.com", "https://app.example.com@evil.example", "https://user:pass@app.example.com", "https://evil.example/app.example.com",
		"https://evil.example#https://app.example.com", "https://evil.example?https://app.example.com", "https://evil.example\\app.example.com",
		"https://app.example.com, https://evil.example", "https://app.example.com https://evil.example", "https://evil.example,https://app.example.com",
		"https://app.exаmple.com", "https://app.xn--exmple-4uf.com", "https://app。example.com", "https://ａpp.example.com", "https://app.example.com\u200b", "https://app%2eexample.com",
		"https://pages.example.com", "https://.pages.example.com", "https://a.b.pages.example.com", "https://*.pages.example.com", "https://apages.example.com",
		"https://-.pages.example.com", "https://a.pages.example.com:443", "https://a@.pages.example.com", "https://evil.example/.pages.example.com",
		"https://a.pages.example.com.evil.example", "https://" + strings.Repeat("a", 64) + ".pages.example.com", "file://", "data:", "chrome-extension://abc",
		"https://127.0.0.1", "https://[::1]", "https://localhost",
	} {
		rows = append(rows, attack{fmt.Sprintf("origin: %.60q", origin), on("/open", "Origin: "+origin), outcome.OriginNotAllowed})
	}
	return rows
}
