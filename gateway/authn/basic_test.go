// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Hashes as htpasswd -B and openssl passwd write them.
const (
	bcryptLine = "ann:$2a$04$.udCKAuP38oW9CoDY3TF1.sOUFsjOjw6g.nN.8VvDiA/BdG6jhsva" // correct horse
	sha512Line = "bob:$6$saltsalt$3XKnfP2Nx6DG3tImEooPgBAh6HKV1YLU0clLbzmZErz6sGIgpUfrKFx4NPxjkoTfkZR4Y4G6ak6CPs3gbmfLg/"
	sha256Line = "cid:$5$saltsalt$vl//FCOx/JlpvOHPT.ySOZHl1aqeiykZG3BVaEiPnw1"
	roundsLine = "dee:$6$rounds=1000$saltsalt$V8m1D7ibJ/w8CFCEenHNN3Nt1uO4Js82jTmyzMv/8y.Jqqxq3HTIe5HdLfBptRlRFT6bOfTHTdcBGxr.dOMbz1"
)

func usersFile() contract.Method {
	return contract.Method{Basic: &contract.Basic{File: contract.SecretKey{Secret: "htpasswd", Key: "auth"}}}
}

func usersOf(lines ...string) secrets {
	return secrets{"htpasswd": {"auth": strings.Join(lines, "\n") + "\n"}}
}

func basic(text string) *authn.Request {
	return request("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(text)))
}

func TestUsersWithPasswords(t *testing.T) {
	t.Parallel()
	policy := policyOf(t, methods(usersFile(), contract.Method{Anonymous: &contract.Anonymous{}}),
		usersOf("# people", "", bcryptLine+"\r", sha512Line, sha256Line, roundsLine))
	good := base64.StdEncoding.EncodeToString([]byte("ann:correct horse"))
	tests := map[string]struct {
		request *authn.Request
		who     string
		want    outcome.Reason
	}{
		"bcrypt":                             {request: basic("ann:correct horse"), who: "ann"},
		"SHA-512, a colon in the password":   {request: basic("bob:battery:staple"), who: "bob"},
		"SHA-256":                            {request: basic("cid:staple"), who: "cid"},
		"SHA-512 with rounds":                {request: basic("dee:rounded"), who: "dee"},
		"the scheme in another case":         {request: request("Authorization", "bASIC  "+good), who: "ann"},
		"no credential":                      {request: request(), who: "anonymous"},
		"another scheme":                     {request: request("Authorization", "Digest x"), who: "anonymous"},
		"wrong password":                     {request: basic("ann:correct Horse"), want: outcome.BadCredential},
		"password of somebody else":          {request: basic("ann:staple"), want: outcome.BadCredential},
		"the hash itself":                    {request: basic(bcryptLine), want: outcome.BadCredential},
		"unknown user":                       {request: basic("eve:correct horse"), want: outcome.BadCredential},
		"user in another case":               {request: basic("Ann:correct horse"), want: outcome.BadCredential},
		"no user":                            {request: basic(":correct horse"), want: outcome.BadCredential},
		"no password":                        {request: basic("ann:"), want: outcome.BadCredential},
		"no colon":                           {request: basic("ann"), want: outcome.BadCredential},
		"nothing":                            {request: request("Authorization", "Basic"), want: outcome.BadCredential},
		"with a NUL and more":                {request: basic("ann:correct horse\x00x"), want: outcome.BadCredential},
		"a line break":                       {request: basic("ann:correct horse\n"), want: outcome.BadCredential},
		"not UTF-8":                          {request: basic("ann:\xff\xfe"), want: outcome.BadCredential},
		"user not UTF-8":                     {request: basic("a\xc3\x28:correct horse"), want: outcome.BadCredential},
		"longer than bcrypt looks at":        {request: basic("ann:" + strings.Repeat("x", 73)), want: outcome.BadCredential},
		"a megabyte":                         {request: basic("ann:" + strings.Repeat("x", 1<<20)), want: outcome.BadCredential},
		"not base64":                         {request: request("Authorization", "Basic ann:correct"), want: outcome.BadCredential},
		"base64url":                          {request: request("Authorization", "Basic -_-_"), want: outcome.BadCredential},
		"without padding":                    {request: request("Authorization", "Basic "+strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("cid:staple")), "=")), want: outcome.BadCredential},
		"a second word":                      {request: request("Authorization", "Basic "+good+" x"), want: outcome.BadCredential},
		"Authorization twice":                {request: request("Authorization", "Basic "+good, "Authorization", "Basic "+good), want: outcome.BadCredential},
		"Authorization twice, two schemes":   {request: request("Authorization", "Basic "+good, "Authorization", "Bearer x"), want: outcome.BadCredential},
		"a pattern instead of a user":        {request: basic("*:correct horse"), want: outcome.BadCredential},
		"a comment is nobody":                {request: basic("# people:correct horse"), want: outcome.BadCredential},
		"credentials in a list with a comma": {request: request("Authorization", "Basic "+good+","+good), want: outcome.BadCredential},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time from memory
				id, err := policy.Authenticate(t.Context(), tt.request)
				expect(t, id, err, tt.who, tt.want)
				if err != nil && (strings.Contains(err.Error(), "horse") || strings.Contains(err.Error(), good)) {
					t.Errorf("%q quotes the credential", err)
				}
			}
		})
	}
	id, err := policy.Authenticate(t.Context(), basic("ann:correct horse"))
	want := authn.Identity{
		Policy: "users", Method: authn.MethodBasic, Issuer: "htpasswd", Subject: "ann", Claims: map[string]any{"sub": "ann"},
	}
	if diff := cmp.Diff(want, id, cmpopts.IgnoreFields(authn.Identity{}, "Proof")); diff != "" || err != nil {
		t.Errorf("identity (-want +got), %v:\n%s", err, diff)
	}
	if header, _ := policy.Strip(http.Header{"Authorization": {"Basic " + good}}, nil); len(header) != 0 {
		t.Errorf("the password reaches the backend: %v", header)
	}
}

func TestPasswordFilesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	hash := strings.TrimPrefix(bcryptLine, "ann:")
	for name, line := range map[string]string{
		"a plain password":         "eve:open-sesame",
		"MD5 of Apache":            "eve:$apr1$abcdefgh$82JubPF2dQkt1tVfvLnXS.",
		"MD5 of crypt":             "eve:$1$abcdefgh$82JubPF2dQkt1tVfvLnXS.",
		"SHA-1":                    "eve:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
		"salted SHA-1":             "eve:{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9gxxxx=",
		"DES":                      "eve:rqXexS6ZhobKA",
		"no hash":                  "eve:",
		"no user":                  ":" + hash,
		"no colon":                 "eve",
		"a user twice":             bcryptLine,
		"bcrypt cut short":         "eve:" + hash[:59],
		"bcrypt with more":         "eve:" + hash + "x",
		"bcrypt with a field more": "eve:" + hash + ":x",
		"bcrypt that takes hours":  "eve:" + strings.Replace(hash, "$04$", "$31$", 1),
		"bcrypt without a cost":    "eve:" + strings.Replace(hash, "$04$", "$xx$", 1),
		"bcrypt of the broken one": "eve:" + strings.Replace(hash, "$2a$", "$2x$", 1),
		"SHA-crypt without a hash": "eve:$6$saltsalt",
		"SHA-crypt cut short":      "eve:" + strings.TrimPrefix(sha512Line, "bob:")[:60],
		"SHA-crypt of many rounds": "eve:" + strings.Replace(strings.TrimPrefix(roundsLine, "dee:"), "1000", "999999999", 1),
		"SHA-crypt of few rounds":  "eve:" + strings.Replace(strings.TrimPrefix(roundsLine, "dee:"), "1000", "1", 1),
		"SHA-crypt of odd rounds":  "eve:" + strings.Replace(strings.TrimPrefix(roundsLine, "dee:"), "1000", "1e3", 1),
	} {
		c := methods(usersFile(), contract.Method{Anonymous: &contract.Anonymous{}})
		c.Name = "users"
		sets := keySets(t)
		policy, problems := authn.NewPolicy(&c, nil, usersOf(bcryptLine, line), sets)
		if len(problems) != 1 || problems[0].Reason != contract.ProblemSecretInvalid || !strings.Contains(problems[0].Message, "line 2") {
			t.Errorf("%s: problems %+v", name, problems)
			continue
		}
		if _, secret, _ := strings.Cut(line, ":"); len(secret) > 4 && strings.Contains(problems[0].Message, secret) {
			t.Errorf("%s: %q quotes the file", name, problems[0].Message)
		}
		if _, err := policy.Authenticate(t.Context(), basic("ann:correct horse")); reason(t, err) != outcome.PolicyUnavailable {
			t.Errorf("%s: %v, want %s", name, err, outcome.PolicyUnavailable)
		}
		good, _ := authn.NewPolicy(&c, nil, usersOf(bcryptLine), sets)
		after, problems := authn.NewPolicy(&c, good, usersOf(bcryptLine, line), sets)
		if _, err := after.Authenticate(t.Context(), basic("ann:correct horse")); err != nil || len(problems) != 1 || !problems[0].Serving {
			t.Errorf("%s: the last good file is not in force: %v, %+v", name, err, problems)
		}
	}
}

func TestPasswordFilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	c := methods(usersFile())
	for name, test := range map[string]struct {
		files secrets
		want  contract.ProblemReason
	}{
		"no Secret":     {secrets{}, contract.ProblemSecretNotFound},
		"no key":        {secrets{"htpasswd": {"users": bcryptLine}}, contract.ProblemSecretKeyNotFound},
		"empty":         {usersOf(""), contract.ProblemSecretInvalid},
		"comments only": {usersOf("# nobody"), contract.ProblemSecretInvalid},
	} {
		policy, problems := authn.NewPolicy(&c, nil, test.files, keySets(t))
		if len(problems) != 1 || problems[0].Reason != test.want {
			t.Errorf("%s: problems %+v, want %s", name, problems, test.want)
		}
		if _, err := policy.Authenticate(t.Context(), basic("ann:correct horse")); reason(t, err) != outcome.PolicyUnavailable {
			t.Errorf("%s: %v, want %s", name, err, outcome.PolicyUnavailable)
		}
	}
}

// A user who is taken out of the file, or gets another password, is not let in
// because they were once.
func TestMemoryOfPasswordsEndsWithTheFile(t *testing.T) {
	t.Parallel()
	c, sets := methods(usersFile()), keySets(t)
	both, _ := authn.NewPolicy(&c, nil, usersOf(bcryptLine, sha256Line), sets)
	for range 2 {
		if _, err := both.Authenticate(t.Context(), basic("ann:correct horse")); err != nil {
			t.Fatal(err)
		}
	}
	one, _ := authn.NewPolicy(&c, both, usersOf(sha256Line), sets)
	if _, err := one.Authenticate(t.Context(), basic("ann:correct horse")); reason(t, err) != outcome.BadCredential {
		t.Errorf("a user who was taken out: %v", err)
	}
	changed, _ := authn.NewPolicy(&c, both, usersOf("ann:"+strings.TrimPrefix(sha256Line, "cid:")), sets)
	if _, err := changed.Authenticate(t.Context(), basic("ann:correct horse")); reason(t, err) != outcome.BadCredential {
		t.Errorf("the old password: %v", err)
	}
	if _, err := changed.Authenticate(t.Context(), basic("ann:staple")); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

// Strangers who try passwords wait for each other, not for ever, and do not keep
// out a user whose password was checked already.
func TestChecksOfPasswordsAreBounded(t *testing.T) {
	t.Parallel()
	slow := "eve:" + strings.Replace(strings.TrimPrefix(roundsLine, "dee:"), "1000", "1000000", 1)
	policy := policyOf(t, methods(usersFile()), usersOf(slow, bcryptLine))
	if _, err := policy.Authenticate(t.Context(), basic("ann:correct horse")); err != nil {
		t.Fatal(err)
	}
	attempts := max(1, runtime.GOMAXPROCS(0)/2) + 1
	reasons := make(chan outcome.Reason, attempts)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for i := range attempts {
		go func() {
			_, err := policy.Authenticate(ctx, basic(fmt.Sprintf("eve:guess-%d", i)))
			reasons <- reason(t, err)
		}()
	}
	<-ctx.Done()
	if _, err := policy.Authenticate(ctx, basic("ann:correct horse")); err != nil {
		t.Errorf("a user who was let in before: %v", err)
	}
	var got []outcome.Reason
	for range attempts {
		got = append(got, <-reasons)
	}
	if !slices.Contains(got, outcome.AuthUnavailable) {
		t.Errorf("reasons %v, want %s among them", got, outcome.AuthUnavailable)
	}
}

func TestChallengesFollowFromTheMethods(t *testing.T) {
	t.Parallel()
	const basicChallenge = `Basic realm="websocket", charset="UTF-8"`
	for name, test := range map[string]struct {
		methods []contract.Method
		want    []string
	}{
		"basic":            {[]contract.Method{usersFile()}, []string{basicChallenge}},
		"key and basic":    {[]contract.Method{apiKeys(nil), usersFile()}, []string{"Bearer", basicChallenge}},
		"two keys":         {[]contract.Method{apiKeys(nil), apiKeys(fromBearer)}, []string{"Bearer"}},
		"only anonymously": {[]contract.Method{{Anonymous: &contract.Anonymous{}}}, nil},
	} {
		files := usersOf(bcryptLine)
		files["devices"] = map[string]string{"d1": deviceKey}
		if diff := cmp.Diff(test.want, policyOf(t, methods(test.methods...), files).Challenges()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// FuzzPasswordFile reads anything as a line: what is accepted never lets in
// whoever shows the line itself, and nothing panics.
func FuzzPasswordFile(f *testing.F) {
	for _, seed := range []string{bcryptLine, sha512Line, sha256Line, roundsLine, "a:b", ":", "a:$6$", "a:$6$rounds=$$", "#", "a:$2y$04$"} {
		f.Add(seed, "correct horse")
	}
	c := methods(usersFile())
	f.Fuzz(func(t *testing.T, line, password string) {
		if strings.Contains(line, "$2") || strings.Contains(line, "rounds") {
			return // right, but too slow for many
		}
		policy, problems := authn.NewPolicy(&c, nil, usersOf(line), keySets(t))
		user, hash, _ := strings.Cut(line, ":")
		for _, shown := range []string{password, hash} {
			_, err := policy.Authenticate(t.Context(), basic(user+":"+shown))
			if err == nil && (len(problems) > 0 || shown == hash) {
				t.Fatalf("%q let in %q", line, shown)
			}
		}
	})
}
