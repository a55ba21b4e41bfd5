/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A unit file of cl/ as C: defines MAPS_NAME, a function that fills a unit_maps from its macros,
 * and undefines them for the next one. Before it: MATRIX_UNIT, UNIT_MODE and MAPS_NAME, and the
 * unit file included with UNIT_HAS_INSTRUCTION as 0.
 */
static void MAPS_NAME(unit_maps *m) {
    m->lanes = UNIT_LANES;
    m->extent[0] = UNIT_M;
    m->extent[1] = UNIT_N;
    m->extent[2] = UNIT_K;
    m->registers[0] = UNIT_A_REGISTERS;
    m->registers[1] = UNIT_B_REGISTERS;
    m->registers[2] = UNIT_C_REGISTERS;
    m->held[0] = UNIT_A_HELD;
    m->held[1] = UNIT_B_HELD;
    m->held[2] = 1;
    m->pack = UNIT_PACK;
    for (int lane = 0; lane < UNIT_LANES; lane++) {
        for (int r = 0; r < UNIT_A_REGISTERS; r++) {
            m->place[0][lane][r] = (place){UNIT_A_ROW(lane, r), UNIT_A_K(lane, r)};
        }
        for (int r = 0; r < UNIT_B_REGISTERS; r++) {
            m->place[1][lane][r] = (place){UNIT_B_K(lane, r), UNIT_B_COLUMN(lane, r)};
        }
        for (int r = 0; r < UNIT_C_REGISTERS; r++) {
            m->place[2][lane][r] = (place){UNIT_C_ROW(lane, r), UNIT_C_COLUMN(lane, r)};
        }
    }
    for (int row = 0; row < UNIT_M; row++) {
        for (int k = 0; k < UNIT_K; k++) {
            m->source[0][row][k] = (source){UNIT_A_LANE(row, k), UNIT_A_REGISTER(row, k)};
        }
        for (int column = 0; column < UNIT_N; column++) {
            m->source[2][row][column] =
                (source){UNIT_C_LANE(row, column), UNIT_C_REGISTER(row, column)};
        }
    }
    for (int k = 0; k < UNIT_K; k++) {
        for (int column = 0; column < UNIT_N; column++) {
            m->source[1][k][column] = (source){UNIT_B_LANE(k, column), UNIT_B_REGISTER(k, column)};
        }
    }
}

#undef MAPS_NAME
#undef MATRIX_UNIT
#undef UNIT_MODE
#undef UNIT_LANES
#undef UNIT_M
#undef UNIT_N
#undef UNIT_K
#undef UNIT_A_REGISTERS
#undef UNIT_B_REGISTERS
#undef UNIT_C_REGISTERS
#undef UNIT_A_HELD
#undef UNIT_B_HELD
#undef UNIT_A_BY
#undef UNIT_B_BY
#undef UNIT_A_ROW
#undef UNIT_A_K
#undef UNIT_B_COLUMN
#undef UNIT_B_K
#undef UNIT_C_ROW
#undef UNIT_C_COLUMN
#undef UNIT_A_LANE
#undef UNIT_A_REGISTER
#undef UNIT_B_LANE
#undef UNIT_B_REGISTER
#undef UNIT_C_LANE
#undef UNIT_C_REGISTER
