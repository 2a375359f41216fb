#pragma once
// PostgreSQL's parse tree as generated protobuf types, for those who walk or edit it. Heavy (3 MB of header): include
// it in .cpp files only. The messages come from the installed libpg_query's own .proto, so a newer library brings newer
// nodes.

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "pg_query.pb.h"
#pragma GCC diagnostic pop
