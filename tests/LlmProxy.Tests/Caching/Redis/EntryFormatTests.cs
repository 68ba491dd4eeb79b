using System.Text;
using CsCheck;
using LlmProxy.Caching;
using LlmProxy.Caching.Redis;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class EntryFormatTests
{
    private const int BodyBytesMax = 100_000;

    [Fact]
    public void Any_answer_survives() => Given.Responses.Sample(response =>
        Given.AreEqual(response, EntryFormat.Read(EntryFormat.Write(response), BodyBytesMax)));

    [Fact]
    public void Whatever_is_changed_nothing_is_thrown() =>
        Gen.Select(Given.Responses, Gen.Select(Gen.Int[0, int.MaxValue], Gen.Byte).Array[1, 4]).Sample(
            (response, changes) =>
            {
                var bytes = EntryFormat.Write(response);
                foreach (var (place, value) in changes)
                {
                    bytes[place % bytes.Length] = value;
                }

                _ = EntryFormat.Read(bytes, BodyBytesMax);
            });

    [Fact]
    public void Whatever_is_cut_off_is_no_answer() => Gen.Select(Given.Responses, Gen.Double[0, 0.999]).Sample(
        (response, part) =>
        {
            var bytes = EntryFormat.Write(response);

            Assert.Null(EntryFormat.Read(bytes.AsSpan(0, (int)(bytes.Length * part)), BodyBytesMax));
        });

    [Fact]
    public void What_has_something_behind_it_is_no_answer() => Given.Responses.Sample(response =>
        Assert.Null(EntryFormat.Read([.. EntryFormat.Write(response), 0], BodyBytesMax)));

    [Fact]
    public void Garbage_is_no_answer() =>
        Gen.Byte.Array[0, 500].Sample(bytes => Assert.Null(EntryFormat.Read(bytes, BodyBytesMax)));

    [Fact]
    public void A_body_that_says_it_is_too_long_is_not_unpacked()
    {
        var bytes = EntryFormat.Write(Given.Response(new string('a', BodyBytesMax + 1)));

        Assert.Null(EntryFormat.Read(bytes, BodyBytesMax));
    }

    [Fact]
    public void A_body_is_compressed_when_that_pays()
    {
        var entry = EntryFormat.Write(Given.Response(new string('a', 10_000)));

        Assert.True(entry.Length < 500);
    }

    [Theory]
    [InlineData("Content-Encoding", "gzip")]
    [InlineData("Content-Type", "audio/mpeg")]
    public void A_body_that_is_compressed_already_is_left_as_it_is(string field, string value)
    {
        var response = With(new HeaderField(field, value), new string('a', 10_000));

        Assert.True(EntryFormat.Write(response).Length > 10_000);
    }

    [Fact]
    public void A_short_body_is_left_as_it_is() =>
        Assert.True(EntryFormat.Write(Given.Response(new string('a', 1_000))).Length > 1_000);

    private static StoredResponse With(HeaderField field, string body) => new()
    {
        Status = 200,
        Fields = [field],
        Body = Encoding.ASCII.GetBytes(body),
        ReceivedAt = 1,
        InitialAge = 0,
        Lifetime = 1,
        VaryNames = [],
        VaryDigest = default,
        Endpoint = "/v1/audio/speech",
    };
}
