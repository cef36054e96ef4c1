use super::*;

const TEXT: &str = "id,name\n1,Élise 𝄞 €\n";

fn read_name(octets: Vec<u8>, encoding: Encoding) -> String {
    let mut source = Source::csv(octets);
    source.settings.encoding = encoding;
    texts(&source.complete()[0], "name").concat()
}

fn utf16(text: &str, octets: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(octets).collect()
}

fn marked(mark: &[u8], octets: &[u8]) -> Vec<u8> {
    [mark, octets].concat()
}

#[test]
fn a_byte_order_mark_decides_whatever_the_setting_says() {
    let name = "Élise 𝄞 €";
    let utf8 = marked(b"\xEF\xBB\xBF", TEXT.as_bytes());
    assert_eq!(read_name(utf8, Encoding::Latin1), name);
    let little = marked(b"\xFF\xFE", &utf16(TEXT, u16::to_le_bytes));
    assert_eq!(read_name(little, Encoding::Utf8), name);
    let big = marked(b"\xFE\xFF", &utf16(TEXT, u16::to_be_bytes));
    assert_eq!(read_name(big, Encoding::Windows1252), name);
}

#[test]
fn without_a_mark_the_setting_decides() {
    assert_eq!(
        read_name(utf16(TEXT, u16::to_le_bytes), Encoding::Utf16Le),
        "Élise 𝄞 €"
    );
    assert_eq!(
        read_name(utf16(TEXT, u16::to_be_bytes), Encoding::Utf16Be),
        "Élise 𝄞 €"
    );
    assert_eq!(
        read_name(b"id,name\n1,\xC9\x80\n".to_vec(), Encoding::Windows1252),
        "É€"
    );
    assert_eq!(
        read_name(b"id,name\n1,\xC9\n".to_vec(), Encoding::Latin1),
        "É"
    );
}

#[test]
fn what_is_no_character_refuses_its_value_alone() {
    let cases = [
        (b"id,a,b\n1,x\xC9,y\n".to_vec(), Encoding::Utf8),
        (b"id,a,b\n1,x\x81,y\n".to_vec(), Encoding::Windows1252),
        (b"id,a,b\n1,x\0,y\n".to_vec(), Encoding::Utf8),
    ];
    for (octets, encoding) in cases {
        let mut source = Source::csv(octets);
        source.settings.encoding = encoding;
        let entries = source.complete();
        assert_eq!(entries[0].flaws.len(), 1);
        assert_eq!(entries[0].flaws[0].attribute, "a");
        assert_eq!(texts(&entries[0], "b"), ["y"]);
    }
}

#[test]
fn a_lone_surrogate_is_no_character() {
    let mut octets = utf16("id,a\n1,", u16::to_le_bytes);
    octets.extend([0x00, 0xD8]);
    octets.extend(utf16("x\n", u16::to_le_bytes));
    let mut source = Source::csv(octets);
    source.settings.encoding = Encoding::Utf16Le;
    assert_eq!(source.complete()[0].flaws[0].attribute, "a");
}

#[test]
fn utf16_that_ends_in_half_a_character_is_a_cut_file() {
    let mut octets = utf16(TEXT, u16::to_le_bytes);
    octets.push(b'2');
    let mut source = Source::csv(octets);
    source.settings.encoding = Encoding::Utf16Le;
    assert!(source.failure().contains("cut off"));
}

#[test]
fn characters_across_the_edges_of_chunks_stay_whole() {
    let name = "𝄞".repeat(100_001);
    let text = format!("id,name\n1,x{name}\n");
    let octets = utf16(&text, u16::to_be_bytes);
    assert!(read_name(octets, Encoding::Utf16Be) == format!("x{name}"));
}
