// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// nested is JSON that a careless parser follows down by recursion.
func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

// tokens are attacks by a token in the Authorization header.
func (f *fortress) tokens(t *testing.T) []attack {
	t.Helper()
	var rows []attack
	for _, list := range []map[string]string{f.algorithms(t), f.pointers(t), f.forms(t), f.signatures(t), f.claimed(t)} {
		for name, token := range list {
			rows = append(rows, attack{"token: " + name, on("/token", "Authorization: Bearer "+token), outcome.BadCredential})
		}
	}
	for name, token := range f.confused(t) {
		rows = append(rows, attack{"symmetric and public keys together: " + name, on("/mixed", "Authorization: Bearer "+token), outcome.BadCredential})
	}
	slices.SortFunc(rows, func(a, b attack) int { return strings.Compare(a.name, b.name) })
	huge := encoded([]byte(`{"alg":"ES256","kid":"`+strings.Repeat("k", 1<<20)+`"}`)) + "." + strings.SplitN(f.mint.good(t), ".", 2)[1]
	return append(rows,
		attack{"token: a megabyte of dots", on("/token", "Authorization: Bearer "+strings.Repeat(".", 1<<20)), outcome.HeaderTooLarge},
		attack{"token: kid of a megabyte", on("/token", "Authorization: Bearer "+huge), outcome.HeaderTooLarge},
		attack{"token: a line break and a folded line", on("/token", "Authorization: Bearer eyJ\r\n hbGc"), outcome.BadRequest},
		attack{"token: NUL", on("/token", "Authorization: Bearer eyJ\x00hbGc"), outcome.BadRequest},
	)
}

// algorithms: the token says how it wants to be checked.
func (f *fortress) algorithms(t *testing.T) map[string]string {
	t.Helper()
	m := f.mint
	rows := map[string]string{
		"RSA key, ES256 in the header":                    m.rsa(t, `{"alg":"ES256","kid":"r1"}`, m.claims("")),
		"EC key, RS256 in the header":                     m.ecdsa(t, `{"alg":"RS256","kid":"k1"}`, m.claims("")),
		"RSA key under the EC key's id":                   m.rsa(t, `{"alg":"RS256","kid":"k1"}`, m.claims("")),
		"RSA signature with padding of another algorithm": m.rsa(t, `{"alg":"PS256","kid":"r1"}`, m.claims("")),
	}
	for _, name := range []string{"none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519", "RS1", "es256", "ES256 ", "dir"} {
		header := fmt.Sprintf(`{"alg":%q,"kid":"k1"}`, name)
		rows[fmt.Sprintf("alg %q with a good signature", name)] = m.ecdsa(t, header, m.claims(""))
		rows[fmt.Sprintf("alg %q without a signature", name)] = joined(header, m.claims("")) + "."
	}
	for _, value := range []string{`["ES256"]`, `{"alg":"ES256"}`, "256", "null", "true"} {
		rows["alg is "+value] = m.ecdsa(t, `{"kid":"k1","alg":`+value+`}`, m.claims(""))
	}
	for form, secret := range publicForms(t, &m.rsaKey.PublicKey, m.keySet(t, false)) {
		rows["HS256 with the RSA key as "+form] = m.hmac(`{"alg":"HS256","kid":"r1"}`, m.claims(""), secret)
	}
	for form, secret := range publicForms(t, &m.elliptic.key.PublicKey, m.elliptic.keySet(t)) {
		rows["HS256 with the EC key as "+form] = m.hmac(`{"alg":"HS256","kid":"k1"}`, m.claims(""), secret)
	}
	return rows
}

// confused: the same against a policy that does accept HS256.
func (f *fortress) confused(t *testing.T) map[string]string {
	t.Helper()
	m := f.mint
	rows := map[string]string{
		"symmetric key, ES256 in the header": m.hmac(`{"alg":"ES256","kid":"h1"}`, m.claims(""), m.symmetric),
		"HS256 under the EC key's id":        m.hmac(`{"alg":"HS256","kid":"k1"}`, m.claims(""), m.symmetric),
	}
	for _, kid := range []string{`"kid":"r1",`, `"kid":"h1",`, ``} {
		for form, secret := range publicForms(t, &m.rsaKey.PublicKey, m.keySet(t, false)) {
			rows["RSA key as "+form+" "+kid] = m.hmac(`{`+kid+`"alg":"HS256"}`, m.claims(""), secret)
		}
	}
	return rows
}

// pointers: the token brings, or points to, the key that it wants to be checked
// with.
func (f *fortress) pointers(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	key := strings.TrimSuffix(strings.TrimPrefix(f.mint.foreign.keySet(t), `{"keys":[`), "]}")
	for name, value := range map[string]string{
		"jku": `"` + f.canary + `/keys"`, "x5u": `"` + f.canary + `/chain"`, "jwk": key, "x5c": `["AAAA"]`,
		"x5t": `"AAAA"`, "x5t#S256": `"AAAA"`, "url": `"` + f.canary + `"`, "iss": `"` + f.canary + `"`,
	} {
		rows["key of a stranger in "+name] = f.mint.stranger(t, `{"alg":"ES256","kid":"k1","`+name+`":`+value+`}`)
		rows["key of a stranger in "+name+", without kid"] = f.mint.stranger(t, `{"alg":"ES256","`+name+`":`+value+`}`)
	}
	for _, kid := range []string{
		"../../../../dev/null", "/dev/null", "/proc/self/environ", `..\\..\\key`, "k1' OR '1'='1", "k1'; DROP TABLE keys;--",
		f.canary + "/key", "file:///dev/null", "|id", "$(id)", "k1\\u0000", "\\u0000", "", "*", "k1 ", "K1", strings.Repeat("k", 300),
	} {
		rows[fmt.Sprintf("kid %.40q", kid)] = f.mint.stranger(t, `{"alg":"ES256","kid":"`+kid+`"}`)
	}
	for _, kid := range []string{"null", "1", "[]", `["k1"]`, `{}`, "true"} {
		rows["kid is "+kid] = f.mint.ecdsa(t, `{"alg":"ES256","kid":`+kid+`}`, f.mint.claims(""))
	}
	return rows
}

// forms: what is no compact JWS of one reading.
func (f *fortress) forms(t *testing.T) map[string]string {
	t.Helper()
	m := f.mint
	good := m.good(t)
	header, rest, _ := strings.Cut(good, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	padded := func(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4) }
	long := m.ecdsa(t, goodHeader, m.claims(`,"x":"`+strings.Repeat("ÿ", 300)+`"`))
	with := func(header, claims string) string { return m.ecdsa(t, header, claims) }
	return map[string]string{
		"dots up to the limit":        strings.Repeat(".", 8<<10),
		"almost a megabyte of dots":   strings.Repeat(".", 1020<<10),
		"a megabyte of brackets":      encoded([]byte(goodHeader)) + "." + encoded([]byte(nested(380<<10))) + ".AAAA",
		"one dot":                     header + "." + claims,
		"four parts":                  good + "." + signature,
		"JSON serialization":          `{"payload":"` + claims + `","signatures":[]}`,
		"encrypted":                   encoded([]byte(`{"alg":"dir","enc":"A256GCM"}`)) + "..AAAA." + claims + ".AAAA",
		"encrypted, three parts":      m.ecdsa(t, `{"alg":"ECDH-ES","enc":"A256GCM","kid":"k1"}`, m.claims("")),
		"a token in a token":          with(`{"alg":"ES256","kid":"k1","cty":"JWT"}`, good),
		"a token as a string":         with(`{"alg":"ES256","kid":"k1","cty":"JWT"}`, `"`+good+`"`),
		"empty header":                "." + claims + "." + signature,
		"empty claims":                header + ".." + signature,
		"padding":                     padded(header) + "." + padded(claims) + "." + padded(signature),
		"padding of the signature":    good + "==",
		"the alphabet of base64":      strings.NewReplacer("-", "+", "_", "/").Replace(long) + "+",
		"an escaped line break":       header + "%0A." + claims + "." + signature,
		"spaces between the parts":    header + " ." + claims + "." + signature,
		"longer than the limit":       with(goodHeader, m.claims(`,"x":"`+strings.Repeat("x", 8<<10)+`"`)),
		"standard base64 of it all":   base64.StdEncoding.EncodeToString([]byte(good)),
		"a token in quotes":           `"` + good + `"`,
		"header of another type":      with(`["ES256"]`, m.claims("")),
		"header with more behind it":  with(goodHeader+"{}", m.claims("")),
		"header with a byte order":    with("\ufeff"+goodHeader, m.claims("")),
		"header not UTF-8":            with("{\"alg\":\"ES256\",\"kid\":\"k1\",\"x\":\"\xff\"}", m.claims("")),
		"header with alg twice":       with(`{"alg":"none","kid":"k1","alg":"ES256"}`, m.claims("")),
		"header with kid twice":       with(`{"alg":"ES256","kid":"evil","kid":"k1"}`, m.claims("")),
		"header with kid escaped too": with(`{"alg":"ES256","kid":"evil","\u006bid":"k1"}`, m.claims("")),
		"crit":                        with(`{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, m.claims("")),
		"crit empty":                  with(`{"alg":"ES256","kid":"k1","crit":[]}`, m.claims("")),
		"crit null":                   with(`{"alg":"ES256","kid":"k1","crit":null}`, m.claims("")),
		"b64 false":                   with(`{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}`, m.claims("")),
		"b64 false, not critical":     with(`{"alg":"ES256","kid":"k1","b64":false}`, m.claims("")),
		"b64 true":                    with(`{"alg":"ES256","kid":"k1","b64":true}`, m.claims("")),
		"b64 false and bare claims":   encoded([]byte(`{"alg":"ES256","kid":"k1","b64":false}`)) + `.{"iss":"x"}.` + signature,
		"compressed":                  with(`{"alg":"ES256","kid":"k1","zip":"DEF"}`, "\x78\x9c\xab\x56"),
		"claims nested 1,900 deep":    with(goodHeader, m.claims(`,"x":`+nested(1900))),
		"claims nested 10,000 deep":   with(goodHeader, m.claims(`,"x":`+nested(10_000))),
		"header nested deep":          with(`{"alg":"ES256","kid":"k1","x":`+nested(1000)+`}`, m.claims("")),
		"claims are a list":           with(goodHeader, "["+m.claims("")+"]"),
		"claims are null":             with(goodHeader, "null"),
		"claims with a comment":       with(goodHeader, m.claims("")+"/*x*/"),
		"claims with more behind":     with(goodHeader, m.claims("")+m.claims("")),
		"claims not UTF-8":            with(goodHeader, m.claims(",\"x\":\"\xc3\x28\"")),
		"claims with sub twice":       with(goodHeader, m.claims(`,"sub":"root"`)),
		"claims with exp twice":       with(goodHeader, m.claims(`,"exp":9999999999`)),
		"claims with sub escaped too": with(goodHeader, m.claims(`,"\u0073ub":"root"`)),
		"a nested member twice":       with(goodHeader, m.claims(`,"realm":{"role":"user","role":"admin"}`)),
	}
}

// signatures: good texts, bad signatures.
func (f *fortress) signatures(t *testing.T) map[string]string {
	t.Helper()
	good := f.mint.good(t)
	text := good[:strings.LastIndex(good, ".")]
	signature, err := base64.RawURLEncoding.DecodeString(good[len(text)+1:])
	if err != nil {
		t.Fatal(err)
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	order, zero, one := elliptic.P256().Params().N, new(big.Int), big.NewInt(1)
	rows := map[string]string{
		"empty signature":                   text + ".",
		"signature of somebody else":        f.mint.stranger(t, goodHeader),
		"claims of another token":           joined(goodHeader, f.mint.except("ann", "root")) + "." + encoded(signature),
		"header of another token":           joined(`{"alg":"ES256","kid":"k1","x":1}`, f.mint.claims("")) + "." + encoded(signature),
		"signature in DER":                  text + "." + encoded(der),
		"signature cut":                     text + "." + encoded(signature[:63]),
		"signature with a byte more":        text + "." + encoded(append(slices.Clone(signature), 0)),
		"signature twice":                   text + "." + encoded(append(slices.Clone(signature), signature...)),
		"signature of the wrong way around": text + "." + encoded(concatenated(s, r)),
		"spare bits in the signature":       good[:len(good)-1] + string(rune(good[len(good)-1]+1)),
	}
	for name, numbers := range map[string][2]*big.Int{
		"r and s zero": {zero, zero}, "r zero": {zero, s}, "s zero": {r, zero}, "r and s one": {one, one},
		"r and s the order": {order, order}, "r the order, s zero": {order, zero},
	} {
		rows["signature with "+name] = text + "." + encoded(concatenated(numbers[0], numbers[1]))
	}
	return rows
}

// claimed: properly signed, but not for us, not now, or not to be understood in
// one way.
func (f *fortress) claimed(t *testing.T) map[string]string {
	t.Helper()
	m := f.mint
	rows := map[string]string{}
	exp := fmt.Sprintf(`"exp":%d`, m.expiry)
	for _, value := range []string{
		fmt.Sprintf(`"%d"`, m.expiry), "-1", "-0", "0", "0.0", "1e308", "1E10", "1e9999", "9999999999999", "9007199254740993000", "null", "true", "[]", "{}",
		fmt.Sprintf("[%d]", m.expiry), `"never"`, "NaN", "Infinity", "0x7fffffff", "01999999999", strings.Repeat("9", 400),
	} {
		rows[fmt.Sprintf("exp is %.30s", value)] = m.ecdsa(t, goodHeader, m.except(exp, `"exp":`+value))
	}
	rows["exp missing"] = m.ecdsa(t, goodHeader, m.except(","+exp, ""))
	// The default skew is 30 seconds.
	rows["expired a second more than the skew ago"] = m.ecdsa(t, goodHeader, m.except(exp, fmt.Sprintf(`"exp":%d`, m.expiry-3600-31)))
	for _, name := range []string{"nbf", "iat"} {
		for _, value := range []string{fmt.Sprint(m.expiry), `"0"`, "-1", "1e308", "null", "[]", "false"} {
			rows[name+" is "+value] = m.ecdsa(t, goodHeader, m.claims(`,"`+name+`":`+value))
		}
	}
	for _, value := range []string{
		`"mail"`, `"Chat"`, `"chat "`, `"chat\u0000"`, `""`, "null", "1", "true", "{}", "[]", `[""]`, `["mail","chats"]`, `[["chat"]]`,
		`["chat",1]`, `[null,"chat"]`, `["chat",null]`, `{"chat":true}`, `"chat,mail"`, `"chat mail"`, `"*"`,
	} {
		rows["aud is "+value] = m.ecdsa(t, goodHeader, m.except(`"aud":"chat"`, `"aud":`+value))
	}
	rows["aud missing"] = m.ecdsa(t, goodHeader, m.except(`"aud":"chat",`, ""))
	for _, value := range []string{
		`"https://id.example.com/"`, `"https://id.example.com:443"`, `"HTTPS://id.example.com"`, `"https://ID.example.com"`, `"http://id.example.com"`,
		`"https://id.example.com.evil.example"`, `"https://evil.example/https://id.example.com"`, `"https://id.example.com@evil.example"`,
		`"https://id.example.com\u0000"`, `" https://id.example.com"`, `"https://id.example.com#"`, `"https://id.еxample.com"`, `"id.example.com"`,
		`["https://id.example.com"]`, `{"https://id.example.com":1}`, "null", `""`, "1", `"` + f.canary + `"`,
	} {
		rows["iss is "+value] = m.ecdsa(t, goodHeader, m.except(`"`+attackIssuer+`"`, value))
	}
	rows["iss missing"] = m.ecdsa(t, goodHeader, m.except(`"iss":"`+attackIssuer+`",`, ""))
	for _, value := range []string{"null", "1", "[]", `["ann"]`, "{}"} {
		rows["sub is "+value] = m.ecdsa(t, goodHeader, m.except(`"ann"`, value))
	}
	return rows
}
