# Messages of ./run, and one line of progress that is rewritten in place. Where CI is set or stderr is no terminal, the
# tools' own lines appear instead.
live() { [[ -t 2 && ${TERM:-dumb} != dumb && (-z ${CI:-} || $CI == false) ]]; }

say() { clear_progress; printf '%s\n' "run: $*" >&2; }
die() { say "$*"; exit 2; }

# stage TEXT: begins the next of `stages` steps of a command.
stage_number=0
stages=0
stage() {
  stage_number=$((stage_number + 1))
  say "[$stage_number/$stages] $*"
}

progress() {
  live || return 0
  local columns
  columns=$(tput cols 2>/dev/null) || columns=80
  local text="run: "
  ((stages)) && text+="[$stage_number/$stages] "
  text+=$*
  printf '\r\033[K%s' "${text:0:$((columns - 1))}" >&2
}
clear_progress() { live && printf '\r\033[K' >&2 || true; }

# duration SECONDS: 95 -> 1 min 35 s
duration() {
  if (($1 < 60)); then
    echo "$1 s"
  else
    echo "$(($1 / 60)) min $(($1 % 60)) s"
  fi
}

# quietly LOG COMMAND...: the command's output goes to the log, and to the terminal when it fails.
quietly() {
  local log=$1 status=0
  shift
  live || { "$@" >&2; return; }
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || status=$?
  clear_progress
  ((status == 0)) || { tail -n 60 "$log" >&2; say "failed ($*); the whole output: $log"; }
  return $status
}

# ninja_progress NAME: reads ninja's output, whose status is `@finished total elapsed@`, and shows the time that is left
# at the rate so far. Lines that are no status, such as a compiler's messages, are printed.
ninja_status='@%f %t %e@ '
ninja_progress() {
  local name=$1 line partial="" finished=0 total=0 estimate=-1 start=$SECONDS last=$SECONDS code
  while true; do
    code=0
    IFS= read -r -t 1 line || code=$?
    if ((code > 128)); then  # a second without a whole line
      partial+=$line
    elif ((code != 0)) && [[ -z $partial$line ]]; then
      break
    else
      line=$partial$line partial=""
      if [[ $line =~ ^@([0-9]+)\ ([0-9]+)\ [0-9.]+@\  ]]; then
        finished=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} last=$SECONDS
        if ((finished > 2 && last - start > 5)); then estimate=$(((last - start) * (total - finished) / finished)); fi
      elif [[ -n $line && $line != "ninja: no work to do." && $line != "ninja: Entering directory"* ]]; then
        clear_progress
        printf '%s\n' "$line" >&2
      fi
    fi
    show_build "$name" $finished $total $((SECONDS - start)) $((estimate < 0 ? -1 : estimate - (SECONDS - last)))
  done
  clear_progress
}
# show_build NAME FINISHED TOTAL ELAPSED LEFT: LEFT is below 0 when it is not known or has passed.
show_build() {
  (($3 > 0)) || { progress "$1: $(duration "$4")"; return; }
  local left=""
  if (($5 >= 0)); then left=", about $(duration "$5") left"; fi
  progress "$1: $2 of $3 files ($((100 * $2 / $3)) %), $(duration "$4")$left"
}
