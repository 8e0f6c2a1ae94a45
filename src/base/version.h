/* What this build is. VERSION_COMMIT and VERSION_DATE, the day of that commit, come from the build;
 * they are "unknown" outside a git checkout. It is not the day of the compilation: the same sources
 * make the same bytes. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define VERSION_TEXT "0.1.0"

#ifndef VERSION_COMMIT
#define VERSION_COMMIT "unknown"
#endif

#ifndef VERSION_DATE
#define VERSION_DATE "unknown"
#endif

/* What `corvo version` says first; programs parse it. */
#define VERSION_LINE "corvo " VERSION_TEXT " (commit: " VERSION_COMMIT ", built: " VERSION_DATE ")"

#endif
