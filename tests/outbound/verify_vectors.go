// What verify.go says to each vector: verify_vectors VECTORS
package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"

	"vectors/webhooks"
)

func main() {
	var vectors []struct {
		Secret, Body string
		Now          int64
		Headers      map[string]string
	}
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil {
		panic(err)
	}
	said := make([][2]bool, len(vectors))
	for n, each := range vectors {
		header := func(name string) string { return each.Headers[strings.ToLower(name)] }
		now := time.Unix(each.Now, 0)
		said[n][0] = webhooks.Verify([]byte(each.Body), header, each.Secret, now) == nil
		said[n][1] = webhooks.VerifyBoseat([]byte(each.Body), header, each.Secret, now) == nil
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		panic(err)
	}
}
