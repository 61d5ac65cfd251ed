#!/bin/sh
# A booking's life over HTTP, with curl: the lines of docs/tutorial-http.md and its second and third part. Beside `make up`:
#     sh examples/tutorial.sh
# It makes a room of its own, so it can be run again and again. HOLDFAST says where the platform is, if not on port 8000.
set -eu
trap 'rm -f "${ANSWER:-}" "${RECEIVED:-}"; [ -z "${RECEIVER:-}" ] || kill "$RECEIVER" 2>/dev/null || :' EXIT
step() { printf '\n## %s\n\n' "$1"; }

step 'Before you start'
HOLDFAST=${HOLDFAST:-http://127.0.0.1:8000}
RUN=$(date +%s)-$$                                               # makes the keys of this run its own
DAY=$(date -u -d tomorrow +%F 2>/dev/null || date -u -v+1d +%F)  # GNU says it one way, BSD the other
ANSWER=$(mktemp)
silent() { echo "Nothing answers at $HOLDFAST: start the platform with 'make up'." >&2; return 7; }
api() { curl -si -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@" >"$ANSWER" || silent; }
show() { awk -v only="$*" -f examples/answer.awk "$ANSWER"; }
field() { grep -o "\"$1\":\"[^\"]*\"" "$ANSWER" | head -n 1 | cut -d'"' -f4 | grep .; }
slot() { grep -o '{"from":"[^"]*","to":"[^"]*"' "$ANSWER" | sed -n "$1s/\$/}/p" | grep .; }

step '1. A token'
curl -si "$HOLDFAST/oauth/token" -d grant_type=client_credentials -d client_id=demo -d client_secret=demo-secret \
  -d 'scope=booking:read booking:write org_read org_write' >"$ANSWER" || silent
show
TOKEN=$(field access_token)

step 'A house to book'
api "$HOLDFAST/v1/venues" -d @- <<END
{"name": "Harbour House", "timezone": "Europe/Paris", "openingHours": [
  {"day": "monday", "open": "09:00", "close": "12:00"}, {"day": "tuesday", "open": "09:00", "close": "12:00"},
  {"day": "wednesday", "open": "09:00", "close": "12:00"}, {"day": "thursday", "open": "09:00", "close": "12:00"},
  {"day": "friday", "open": "09:00", "close": "12:00"}, {"day": "saturday", "open": "09:00", "close": "12:00"},
  {"day": "sunday", "open": "09:00", "close": "12:00"}]}
END
VENUE=$(field id)
show id name version

api "$HOLDFAST/v1/spaces" -d "{\"venueId\": \"$VENUE\", \"name\": \"Lighthouse room\", \"capacity\": 8}"
SPACE=$(field id)
show id name units

api "$HOLDFAST/v1/products" -d @- <<END
{"name": "Meeting room, one hour", "reference": "room-$RUN", "price": 2500, "currency": "EUR",
 "metadata": {"duration": {"value": 1, "type": "hourly"}}, "spaces": ["$SPACE"]}
END
PRODUCT=$(field id)
show id price currency

api "$HOLDFAST/v1/products" -d @- <<END
{"name": "Coffee for the room", "reference": "coffee-$RUN", "price": 500, "currency": "EUR", "category": "additional"}
END
COFFEE=$(field id)
show id category price

step '2. What is free?'
api "$HOLDFAST/v1/bookings/slots?productId=$PRODUCT&spaceId=$SPACE&from=$DAY&to=$DAY"
show
FIRST=$(slot 1) SECOND=$(slot 2)

step '3. Hold a slot'
WANTED="{\"productId\": \"$PRODUCT\", \"spaceId\": \"$SPACE\", \"slot\": $FIRST}"
api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" -d "$WANTED"
BOOKING=$(field id)
show

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" -d "$WANTED"
show id status version

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-18-$RUN" -d "$WANTED"
show

api "$HOLDFAST/v1/bookings/slots?productId=$PRODUCT&spaceId=$SPACE&from=$DAY&to=$DAY&explain=true"
show

step '4. Details, extras, confirm'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show code details

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d @- <<END
{"email": "ada@example.org", "name": "Ada Lovelace", "phone": "+33 4 91 00 00 00", "additionalProducts": ["$COFFEE"]}
END
show status version customer additionalProducts totalPrice

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show status version expiresAt totalPrice

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CONFIRMED"}'
show status version

step '5. Read and list'
api "$HOLDFAST/v1/bookings/$BOOKING"
show status version

api "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-None-Match: "4"'
show

api "$HOLDFAST/v1/customers" -d '{"email": "ada@example.org"}'
CUSTOMER=$(field id)
show

api "$HOLDFAST/v1/bookings?customerId=$CUSTOMER&spaceIds=$SPACE&status=CONFIRMED,PAID&from=$DAY&page=2&limit=5"
show

step '6. Cancel, delete'
api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING"
show code message

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CANCEL"}'
show status version cancelReason

api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING"
show

api "$HOLDFAST/v1/bookings/$BOOKING"
show code message

step '7. More time'
api "$HOLDFAST/v1/bookings" -d "$WANTED"
BOOKING=$(field id)
show status version expiresAt

api -X POST "$HOLDFAST/v1/bookings/$BOOKING/extend"
show status version expiresAt

step '8. Another hour'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d "{\"slot\": $SECOND}"
show version slot

api "$HOLDFAST/v1/bookings" -d "$WANTED"
OTHER=$(field id)
show status slot

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d "{\"slot\": $FIRST}"
show code details

api "$HOLDFAST/v1/bookings/$BOOKING"
show version slot

step '9. Only if nobody changed it meanwhile'
api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "3"' -d '{"email": "ada@example.org"}'
show code message

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "4"' -d '{"email": "ada@example.org"}'
show version customer

api -X DELETE "$HOLDFAST/v1/bookings/$BOOKING" -H 'If-Match: "5"'
show

step '10. When something is wrong'
api "$HOLDFAST/v1/bookings" -d "{\"productId\": \"$PRODUCT\", \"colour\": \"blue\"}"
show

api "$HOLDFAST/v1/bookings" -H "Idempotency-Key: order-17-$RUN" \
  -d "{\"productId\": \"$PRODUCT\", \"spaceId\": \"$SPACE\", \"slot\": $SECOND}"
show code message

api -X DELETE "$HOLDFAST/v1/products/$PRODUCT"
show code message details

curl -si "$HOLDFAST/v1/bookings/$OTHER" >"$ANSWER"
show code message

curl -si "$HOLDFAST/oauth/token" -d grant_type=client_credentials -d client_id=rival -d client_secret=rival-secret >"$ANSWER"
TOKEN=$(field access_token)
api "$HOLDFAST/v1/bookings/$OTHER"
show code message

step '11. A receiver of webhooks'
curl -si "$HOLDFAST/oauth/token" -d grant_type=client_credentials -d client_id=demo -d client_secret=demo-secret >"$ANSWER" || silent
TOKEN=$(field access_token)
SECRET=whsec_$(head -c 32 /dev/urandom | base64)
RECEIVED=$(mktemp)
HOLDFAST_WEBHOOK_SECRET=$SECRET .venv/bin/python -m examples.receiver >"$RECEIVED" & RECEIVER=$!
eventually() { n=0; until "$@"; do n=$((n + 1)); [ $n -lt 150 ] || return 1; sleep 0.2; done; }
HOOK=$(eventually grep -o 'http://.*' "$RECEIVED")

api "$HOLDFAST/v1/webhooks/subscriptions" -d "{\"url\": \"$HOOK\", \"events\": [\"booking.*\"], \"secret\": \"$SECRET\"}"
SUBSCRIPTION=$(field id)
show url events enabled secret

api -X POST "$HOLDFAST/v1/webhooks/subscriptions/$SUBSCRIPTION/ping"
PING=$(field id)
show id eventType
eventually grep ping "$RECEIVED"

step '12. Confirm, with payment'
api -X PATCH "$HOLDFAST/v1/products/$PRODUCT" -d @- <<END
{"cancellationPolicy": [{"hoursBefore": 48, "refundPercent": 100}, {"hoursBefore": 0, "refundPercent": 50}]}
END
show version cancellationPolicy

api "$HOLDFAST/v1/bookings" -d "{\"productId\": \"$PRODUCT\", \"spaceId\": \"$SPACE\", \"slot\": $SECOND}"
BOOKING=$(field id)
show status version totalPrice currency

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d @- <<END
{"status": "CONFIRMED", "email": "ada@example.org", "name": "Ada Lovelace", "phone": "+33 4 91 00 00 00",
 "paymentEnabled": true, "successUrl": "http://localhost:3000/thanks", "cancelUrl": "http://localhost:3000/basket"}
END
PAGE=$(field paymentUrl)
show status version paymentStatus

step '13. At the page'
curl -s "$PAGE" | grep -oE '<h1>.*</h1>|<button.*</button>'
curl -s -o /dev/null -w '← %{http_code} %{redirect_url}\n' "$PAGE" -d card=4242424242424242 -d action=pay

step '14. Paid'
status_is() { api "$HOLDFAST/v1/bookings/$BOOKING" && grep -q "\"status\":\"$1\"" "$ANSWER"; }
eventually status_is PAID
show status version paymentStatus paymentUrl

step '15. The webhook'
heard() { grep "$BOOKING.* $1" "$RECEIVED"; }
eventually heard booking.created
eventually heard booking.paid

curl -s -w '← %{http_code}\n' "$HOOK" -d '{"type": "booking.paid"}'

delivery_is() { api "$HOLDFAST/v1/webhooks/subscriptions/deliveries/$PING" && grep -q "\"status\":\"$1\"" "$ANSWER"; }
eventually delivery_is delivered
show id eventType status attemptCount lastStatus

step '16. Cancel, and the money goes back'
api "$HOLDFAST/v1/bookings/$BOOKING/cancellation-preview"
show status paid refund fee currency

api -X PATCH "$HOLDFAST/v1/bookings/$BOOKING" -d '{"status": "CANCEL"}'
show status version paymentStatus

eventually status_is REFUNDED
show status version paymentStatus
eventually heard 'CANCEL → REFUNDED'

api -X DELETE "$HOLDFAST/v1/webhooks/subscriptions/$SUBSCRIPTION"
show
kill "$RECEIVER"
