/* What this build is. VERSION_COMMIT comes from the build; it is "unknown" outside a git checkout.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define VERSION_TEXT "0.1.0"

#ifndef VERSION_COMMIT
#define VERSION_COMMIT "unknown"
#endif

#endif
