using System.Text;
using CsCheck;
using LlmProxy.Events;
using Xunit;

namespace LlmProxy.Tests.Events;

public sealed class CapturedBodyTests
{
    private const string Json = "application/json";
    private const string Token = "llmp_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM";

    [Fact]
    public void A_whole_document_is_json()
    {
        var body = Read("""{"a":[1,2.50,"ü"]}""", Json)!;

        Assert.Equal("""{"a":[1,2.50,"ü"]}""", body.Json!.Value.GetRawText());
        Assert.False(body.Truncated);
    }

    [Theory]
    [InlineData("""{"a":1""")]
    [InlineData("""{"a":1} {"b":2}""")]
    [InlineData("hello")]
    public void What_only_says_that_it_is_json_is_text(string text) => Assert.Equal(text, Read(text, Json)!.Text);

    [Fact]
    public void A_cut_document_is_text_with_a_mark()
    {
        var body = Read("""{"a":1}""", Json, isCut: true)!;

        Assert.Equal("""{"a":1}""", body.Text);
        Assert.True(body.Truncated);
    }

    [Theory]
    [InlineData("aü", 2)]
    [InlineData("a€", 3)]
    [InlineData("a€", 2)]
    [InlineData("a😀", 4)]
    [InlineData("a😀", 2)]
    public void A_character_that_was_cut_is_left_out(string text, int kept)
    {
        var bytes = Encoding.UTF8.GetBytes(text).AsSpan(0, kept);

        Assert.Equal("a", CapturedBody.Read(bytes, isCut: true, "text/plain", [])!.Text);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_base64() =>
        Assert.Equal("/wD+", CapturedBody.Read(new byte[] { 0xFF, 0, 0xFE }, false, "image/png", [])!.Base64);

    [Fact]
    public void No_body_is_nothing() => Assert.Null(Read(string.Empty, Json));

    [Fact]
    public void Tokens_of_ours_are_overwritten_wherever_they_stand()
    {
        var body = Read($$"""{"a":"Bearer {{Token}}","{{Token}}":["{{Token}}"]}""", Json)!;

        Assert.DoesNotContain("0123456789", body.Json!.Value.GetRawText(), StringComparison.Ordinal);
        Assert.Contains("llmp_****", body.Json!.Value.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_providers_key_is_overwritten_wherever_it_stands()
    {
        var body = CapturedBody.Read(
            Encoding.UTF8.GetBytes("""{"error":"wrong key sk-abc-123, sk-abc-123"}"""), false, Json, "sk-abc-123"u8)!;

        Assert.Equal("""{"error":"wrong key **********, **********"}""", body.Json!.Value.GetRawText());
    }

    [Fact]
    public void Whatever_the_bytes_there_is_exactly_one_form_and_no_exception() => Check.Sample(
        Gen.Select(Gen.Byte.Array[0, 40], Gen.Bool),
        static (bytes, isCut) =>
        {
            var body = CapturedBody.Read(bytes.ToArray(), isCut, Json, "k"u8);
            var forms = new object?[] { body?.Json, body?.Text, body?.Base64 }.Count(static form => form is not null);
            Assert.Equal(bytes.Length == 0 && !isCut ? 0 : 1, forms);
        });

    private static EventBody? Read(string text, string type, bool isCut = false) =>
        CapturedBody.Read(Encoding.UTF8.GetBytes(text), isCut, type, []);
}
