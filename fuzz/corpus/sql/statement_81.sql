SELECT current_date, current_timestamp, localtimestamp(3), current_user, session_user
