// Package webhooks says whether a webhook is from Holdfast, whole and fresh. Copy this file; it needs nothing but Go.
//
//	body, err := io.ReadAll(r.Body) // the raw bytes, before anything parses them
//	if err := webhooks.Verify(body, r.Header.Get, secret, time.Now()); err != nil { /* answer 400, do not act on it */ }
//
// Either family of signatures proves the same; check one.
package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how old a webhook may be, or how far ahead its clock.
const Tolerance = 300 * time.Second

var (
	ErrTime      = errors.New("webhook: no time, too old, or from the future")
	ErrSignature = errors.New("webhook: not signed with this secret")
	digits       = regexp.MustCompile(`^[0-9]{1,12}$`)
)

// Verify checks webhook-signature (Standard Webhooks).
func Verify(body []byte, header func(string) string, secret string, now time.Time) error {
	stamp := header("webhook-timestamp")
	if !fresh(stamp, now) {
		return ErrTime
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	digest := sum(key, header("webhook-id")+"."+stamp+".", body)
	return oneOf(strings.Split(header("webhook-signature"), " "), "v1,"+base64.StdEncoding.EncodeToString(digest))
}

// VerifyBoseat checks Boseat-Signature.
func VerifyBoseat(body []byte, header func(string) string, secret string, now time.Time) error {
	parts, stamp := strings.Split(header("Boseat-Signature"), ","), ""
	for _, part := range parts {
		if strings.HasPrefix(part, "t=") && stamp == "" {
			stamp = part[2:]
		}
	}
	if !fresh(stamp, now) {
		return ErrTime
	}
	return oneOf(parts, "v1="+hex.EncodeToString(sum([]byte(secret), stamp+".", body)))
}

func sum(key []byte, before string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(before))
	mac.Write(body)
	return mac.Sum(nil)
}

func fresh(stamp string, now time.Time) bool {
	if !digits.MatchString(stamp) {
		return false
	}
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	age := now.Sub(time.Unix(seconds, 0))
	return -Tolerance <= age && age <= Tolerance
}

// oneOf compares in constant time; while a secret is replaced there are two signatures.
func oneOf(given []string, expected string) error {
	found := false
	for _, each := range given {
		if hmac.Equal([]byte(each), []byte(expected)) {
			found = true
		}
	}
	if !found {
		return ErrSignature
	}
	return nil
}
