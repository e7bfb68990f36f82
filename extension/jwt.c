#include "jwt.h"
void
jwt_authenticate(const char *token, size_t len, JwtPrincipal *out)
{
	ereport(ERROR, (errcode(ERRCODE_WRK_UNAUTHORIZED), errmsg("no key verifies this token")));
}
