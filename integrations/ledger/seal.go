package ledger

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/retail"
)

// seal closes the answer of one idempotency key. The answers of mutations hold names, phones and addresses, so that nobody who
// reads the table may read them: they are encrypted (AES-256-GCM) under a key that follows from the idempotency key and its
// owner (HKDF, RFC 5869), of which the table has a digest only. That is worth as much as the idempotency keys are hard to guess.
type seal struct {
	id    string // what the table has for the idempotency key
	owner string
	aead  cipher.AEAD
	nonce []byte // key that nonces are made with
}

// sealedKey begins the digests of idempotency keys, none of which has a space.
const sealedKey = "sealed "

// sealedSince is the migration from which on answers are sealed.
const sealedSince = 3

func newSeal(owner, key string) (*seal, error) {
	const part = 32
	keys, err := hkdf.Key(sha256.New, []byte(key), []byte("portico answers 1"), owner, 3*part)
	if err != nil {
		return nil, unsealed(err)
	}
	block, err := aes.NewCipher(keys[part : 2*part])
	if err != nil {
		return nil, unsealed(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, unsealed(err)
	}
	return &seal{id: sealedKey + base64.RawURLEncoding.EncodeToString(keys[:part]), owner: owner, aead: aead, nonce: keys[2*part:]}, nil
}

func unsealed(err error) error {
	return &retail.Error{Code: retail.CodeInternal, Message: "the ledger cannot read what it stored", Err: fmt.Errorf("ledger: seal: %w", err)}
}

// close encrypts an answer. The nonce follows from the answer, so that the same answer is always the same bytes, and two
// different ones never share a nonce.
func (s *seal) close(answer []byte) []byte {
	mac := hmac.New(sha256.New, s.nonce)
	mac.Write(answer)
	nonce := mac.Sum(nil)[:s.aead.NonceSize()]
	return s.aead.Seal(nonce, nonce, answer, []byte(s.owner))
}

func (s *seal) open(sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, unsealed(errors.New("too short"))
	}
	answer, err := s.aead.Open([]byte{}, sealed[:n], sealed[n:], []byte(s.owner))
	if err != nil {
		return nil, unsealed(err)
	}
	return answer, nil
}

// sealAnswers closes what earlier versions left open, so that repetitions find it.
func (l *Ledger) sealAnswers(ctx context.Context, tx *sql.Tx) error {
	bind := sqlx.QUESTION
	if l.postgres {
		bind = sqlx.DOLLAR
	}
	for {
		rows, err := openAnswers(ctx, tx, sqlx.Rebind(bind, `SELECT owner, key, answer IS NOT NULL, answer FROM answers
			WHERE key NOT LIKE ? LIMIT 200`))
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			s, err := newSeal(row.owner, row.key)
			if err != nil {
				return err
			}
			var answer any // NULL while nobody has answered
			if row.answered {
				answer = s.close(row.answer)
			}
			if _, err := tx.ExecContext(ctx, sqlx.Rebind(bind, `UPDATE answers SET key = ?, answer = ? WHERE owner = ? AND key = ?`),
				s.id, answer, row.owner, row.key); err != nil {
				return err
			}
		}
	}
}

type openAnswer struct {
	owner, key string
	answered   bool // an empty answer may be read as nil
	answer     []byte
}

func openAnswers(ctx context.Context, tx *sql.Tx, query string) (list []openAnswer, err error) {
	rows, err := tx.QueryContext(ctx, query, sealedKey+"%")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a openAnswer
		if err := rows.Scan(&a.owner, &a.key, &a.answered, &a.answer); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}
