# Reads what `curl -i` prints and shows what a tutorial's reader needs of it: the status, the headers that say something, and
# the JSON indented. `only` names the fields of the answer that are shown, all if it is empty. Any awk will do.
BEGIN {
  split("location etag idempotency-replayed retry-after www-authenticate", names, " ")
  for (i in names) telling[names[i]] = 1
}
{ sub(/\r$/, "") }
!body && /^HTTP\// { sub(/^HTTP\/[0-9.]+ /, ""); print "← " $0; next }
!body && /^$/ { body = 1; next }
!body { name = tolower($0); sub(/:.*/, "", name); if (name in telling) print "  " $0; next }
{ text = text $0 }
END {
  if (text != "") {
    if (only != "") text = some(only)
    printed = "  "
    show("  ")
    print printed
  }
  print ""
}

# The object with these fields alone; an ellipsis stands for the others.
function some(fields,    kept, left, size, name) {
  text = substr(text, 2)
  while (text !~ /^}/) {
    sub(/^,/, "", text)
    name = substr(text, 2, length_of(text) - 2)
    size = length(name) + 3
    size += length_of(substr(text, size + 1))
    if (index(" " fields " ", " " name " ")) kept = kept substr(text, 1, size) ","
    else left = "..."
    text = substr(text, size + 1)
  }
  if (left == "") sub(/,$/, "", kept)
  return "{" kept left "}"
}

# Prints the value at the head of `text` and takes it away: on this line if it fits there, else a line for each of its parts.
function show(margin,    size, open, first) {
  size = length_of(text)
  open = substr(text, 1, 1)
  if ((open != "{" && open != "[") || length(printed) + size <= 100) {
    printed = printed spaced(substr(text, 1, size))
    text = substr(text, size + 1)
    return
  }
  print printed open
  text = substr(text, 2)
  for (first = 1; text !~ /^[\]}]/; first = 0) {
    if (!first) { print printed ","; text = substr(text, 2) }
    printed = margin "  "
    size = length_of(text)
    if (open == "{" && substr(text, size + 1, 1) == ":") {
      printed = printed substr(text, 1, size) ": "
      text = substr(text, size + 2)
    }
    show(margin "  ")
  }
  print printed
  printed = margin substr(text, 1, 1)
  text = substr(text, 2)
}

# How long the value at the head of this text is.
function length_of(text,    at, depth, quoted, sign) {
  for (at = 1; at <= length(text); at++) {
    sign = substr(text, at, 1)
    if (quoted) { if (sign == "\\") at++; else if (sign == "\"") quoted = 0 }
    else if (sign == "\"") quoted = 1
    else if (sign ~ /[\[{]/) depth++
    else if (sign ~ /[\]}]/) { if (depth == 0) return at - 1; depth-- }
    else if (sign ~ /[,:]/ && depth == 0) return at - 1
    if (!quoted && depth == 0 && sign ~ /[\]}]/) return at
  }
  return length(text)
}

# With a space after each comma and colon.
function spaced(text,    at, quoted, sign, said) {
  for (at = 1; at <= length(text); at++) {
    sign = substr(text, at, 1)
    said = said sign
    if (quoted && sign == "\\") { at++; said = said substr(text, at, 1) }
    else if (sign == "\"") quoted = !quoted
    else if (!quoted && sign ~ /[,:]/) said = said " "
  }
  return said
}
