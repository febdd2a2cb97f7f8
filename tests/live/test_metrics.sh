#!/bin/sh
# What the daemon tells about itself: snapshots as alerts and in the file, and the alert of dropped events.
set -eu
. "$(dirname "$0")/lib.sh"
need_live
build_trigger
cat >"$tmp/metrics.yaml" <<CONFIG
stdout_output: {enabled: true}
syscall_event_drops: {actions: [alert], simulate_drops: true}
CONFIG
start_saker -c "$tmp/metrics.yaml" -r "$top/rules/saker_rules.yaml" -o json_output=true -o buffered_outputs=false \
	-o metrics.enabled=true -o metrics.interval=300ms -o metrics.output_rule=true -o "metrics.output_file=$tmp/metrics" \
	-o metrics.kernel_event_counters_per_cpu_enabled=true
"$trigger" read /etc/shadow || :
wait_alert 5 '"rule":"Falco internal: metrics snapshot"' '"falco.rules.matches_total":[1-9]' || fail "no snapshot that counts a match"
wait_alert 5 '"rule":"Falco internal: syscall event drop"' '"n_drops":"1"' '"n_drops_buffer_open_exit":"0"' '"n_drops_buffer_proc_exit":"0"' ||
	fail "no alert of the simulated drop"
stop_saker
alerts=$(grep -c '"rule":"Falco internal: metrics snapshot"' "$tmp/out")
lines=$(wc -l <"$tmp/metrics")
[ "$alerts" = "$lines" ] || fail "$alerts alerts, $lines lines in the file"
last=$(tail -n 1 "$tmp/metrics")
for key in evt.time evt.hostname evt.source falco.version falco.start_ts falco.duration_sec falco.kernel_release \
	falco.host_boot_ts falco.host_num_cpus falco.outputs_queue_num_drops falco.sha256_rules_file.saker_rules \
	falco.sha256_config_file.metrics falco.num_evts falco.num_evts_prev falco.evts_rate_sec falco.cpu_usage_perc \
	falco.memory_rss_mb scap.engine_name scap.n_evts scap.n_evts_prev scap.evts_rate_sec scap.n_drops scap.n_drops_prev \
	scap.evts_drop_rate_sec scap.n_drops_perc scap.n_threads scap.n_evts_cpu_0; do
	case $last in *"\"$key\":"*) ;; *) fail "no $key in: $last" ;; esac
done
case $last in
"{\"output_fields\":{"*"},\"sample\":$lines}") ;;
*) fail "not the form of a line: $last" ;;
esac
say "$lines snapshots"
