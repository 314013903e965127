package auth

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxPrefix bounds TrustedIssuer.SubjectPrefix.
	maxPrefix = 32
	// prefixEnd stands between prefix and subject. No prefix contains it, so no two of them give the same name to two people.
	prefixEnd = ":"
)

// SubjectClashError is a configuration in which the subjects of two issuers could be taken for each other: what one's people own
// would be the other's as well.
type SubjectClashError struct {
	Role    Role
	Issuers [2]string
}

func (e *SubjectClashError) Error() string {
	return fmt.Sprintf("auth: the issuers %s and %s speak for the role %s: all but one of a role's issuers need a subjectPrefix each",
		e.Issuers[0], e.Issuers[1], e.Role)
}

func validPrefix(prefix string) bool {
	return len(prefix) <= maxPrefix && strings.Trim(prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// checkSubjects fails with SubjectClashError when another issuer of a role has the same prefix, or neither has one.
func (v *Verifier) checkSubjects(t *TrustedIssuer) error {
	for _, role := range t.Roles {
		if other, taken := v.prefixes[role][t.SubjectPrefix]; taken && other != t.Issuer {
			return &SubjectClashError{Role: role, Issuers: [2]string{other, t.Issuer}}
		}
		if v.prefixes[role] == nil {
			v.prefixes[role] = map[string]string{}
		}
		v.prefixes[role][t.SubjectPrefix] = t.Issuer
	}
	return nil
}

var errBorrowed = errors.New("the token's subject is written like one of another issuer")

// namespace puts the issuer's prefix before the subject and, as a partner is known by it, a partner's client. From here on a
// principal's names are unique in its role. An issuer without a prefix does not speak for names that begin with another's.
func (v *Verifier) namespace(t *TrustedIssuer, p *Principal) error {
	names := []*string{&p.Subject}
	if p.Role == RolePartner && p.Client != "" {
		names = append(names, &p.Client)
	}
	if t.SubjectPrefix != "" {
		p.Prefix = t.SubjectPrefix + prefixEnd
	}
	for _, name := range names {
		if p.Prefix == "" {
			prefix, _, cut := strings.Cut(*name, prefixEnd)
			if _, taken := v.prefixes[p.Role][prefix]; cut && prefix != "" && taken {
				return errBorrowed
			}
			continue
		}
		if *name = p.Prefix + *name; !validName(*name) {
			return errors.New("the token's subject is too long")
		}
	}
	return nil
}
