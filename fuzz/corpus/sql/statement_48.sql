SELECT interval '1' hour to minute
