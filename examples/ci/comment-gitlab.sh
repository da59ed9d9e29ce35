#!/bin/sh
# Puts a plan onto the merge request as one comment: made at first, changed in place afterwards.
# It is known by its first line and by who wrote it, so that nobody else's comment is taken for it.
# COMMENT_TOKEN is a project access token (role Reporter, scope api).
set -eu
plan=$1
marker='<!-- reconcile -->'
notes="$CI_API_V4_URL/projects/$CI_MERGE_REQUEST_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes"

if [ "$(head -n 1 "$plan" 2>/dev/null)" != "$marker" ]; then
    # Why is in the log: error messages may name hosts.
    printf '%s\nThere is no plan, [the log](%s) says why.\n' "$marker" "${CI_JOB_URL:-}" > "$plan"
fi

# The token goes through standard input, since every user of the host can read lists of arguments.
api() {
    printf 'header = "PRIVATE-TOKEN: %s"\n' "$COMMENT_TOKEN" | curl --config - --silent --show-error --fail "$@"
}

me=$(api "$CI_API_V4_URL/user" | jq .id)
page=1
comment=
while [ -z "$comment" ]; do
    list=$(api "$notes?sort=asc&order_by=created_at&per_page=100&page=$page")
    [ "$(printf '%s' "$list" | jq length)" -gt 0 ] || break
    comment=$(printf '%s' "$list" | jq --raw-output --arg marker "$marker" --argjson me "$me" '
        [.[] | select(.author.id == $me and (.body | startswith($marker)))][0].id // empty')
    page=$((page + 1))
done

if [ -n "$comment" ]; then
    api --output /dev/null --request PUT --data-urlencode "body@$plan" "$notes/$comment"
else
    api --output /dev/null --request POST --data-urlencode "body@$plan" "$notes"
fi
