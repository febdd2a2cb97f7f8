/* The daemon's own log (not alerts): stderr and/or syslog. Falco's line shape:
 * "Day Mon dd HH:MM:SS YYYY: message", or ISO time. Never called per event. [any] */
#pragma once
#include <stdbool.h>

enum log_level { LOG_L_EMERG, LOG_L_ALERT, LOG_L_CRIT, LOG_L_ERR, LOG_L_WARNING, LOG_L_NOTICE, LOG_L_INFO, LOG_L_DEBUG };

struct log_opts {
	enum log_level level;
	bool to_stderr, to_syslog, iso_time;
};

void log_setup(const struct log_opts *opts); /* main thread, before others start */
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...) log_msg(LOG_L_ERR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_L_WARNING, __VA_ARGS__)
#define log_notice(...) log_msg(LOG_L_NOTICE, __VA_ARGS__)
#define log_info(...) log_msg(LOG_L_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_L_DEBUG, __VA_ARGS__)
