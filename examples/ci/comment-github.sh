#!/bin/sh
# Puts a plan onto the pull request NUMBER as one comment: made at first, changed in place afterwards.
# It is known by its first line and by who wrote it, so that nobody else's comment is taken for it.
set -eu
plan=$1
marker='<!-- reconcile -->'
author=${COMMENT_AUTHOR:-github-actions[bot]}

if [ "$(head -n 1 "$plan" 2>/dev/null)" != "$marker" ]; then
    # Why is in the log: error messages may name hosts.
    run="${GITHUB_SERVER_URL:-https://github.com}/$GITHUB_REPOSITORY/actions/runs/${GITHUB_RUN_ID:-}"
    printf '%s\nThere is no plan, [the log](%s) says why.\n' "$marker" "$run" > "$plan"
fi

comments=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments?per_page=100")
comment=$(printf '%s' "$comments" | jq --raw-output --slurp --arg marker "$marker" --arg author "$author" '
    [.[][] | select(.user.login == $author and (.body | startswith($marker)))][0].id // empty')

if [ -n "$comment" ]; then
    gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" --field "body=@$plan"
else
    gh api --silent --method POST "repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments" --field "body=@$plan"
fi
