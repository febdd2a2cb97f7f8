/* Versions of the formats Saker reads, under Falco's names. */
#pragma once

#define ENGINE_VERSION "63"	 /* rules language */
#define ENGINE_SEMVER "0.63.0"
#define SCHEMA_VERSION "4.3.0" /* events */
