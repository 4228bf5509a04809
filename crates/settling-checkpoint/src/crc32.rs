//! The checksum of zip archives: CRC-32 with the reflected polynomial 0xedb88320, eight bytes a step.

const TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (0xedb8_8320 * (value & 1));
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    // Table k is the effect of a byte that k more bytes follow.
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
};

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut crc = u32::MAX;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk) ^ u64::from(crc);
        crc = word
            .to_le_bytes()
            .into_iter()
            .zip(TABLES.iter().rev())
            .fold(0, |crc, (byte, table)| crc ^ table[usize::from(byte)]);
    }
    for &byte in rest {
        crc = (crc >> 8) ^ TABLES[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn eight_at_once_is_one_after_the_other() {
        let bytes: Vec<u8> = (0..1_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
        for length in 0..bytes.len() {
            let slow = bytes[..length]
                .iter()
                .fold(u32::MAX, |crc, &byte| (crc >> 8) ^ TABLES[0][usize::from(crc as u8 ^ byte)]);
            assert_eq!(crc32(&bytes[..length]), !slow);
        }
    }
}
