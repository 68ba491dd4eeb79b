using CsCheck;
using LlmProxy.Caching;
using LlmProxy.Secrets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>Answers and keys to keep.</summary>
internal static class Given
{
    private static readonly Gen<string> Text = Gen.Frequency(
        (6, Gen.Char[' ', '~'].Array[0, 40].Select(static characters => new string(characters))),
        (2, Gen.Char['\0', '\u00ff'].Array[0, 40].Select(static characters => new string(characters))),
        (1, Gen.Char.Array[0, 40].Select(static characters => new string(characters))));

    private static readonly Gen<HeaderField> Field = Gen.Select(
        Text, Text.Array[0, 4], static (name, lines) => new HeaderField(name, new StringValues(lines)));

    private static readonly Gen<byte[]> Body = Gen.Frequency(
        (3, Gen.Byte.Array[0, 3_000]),
        (2, Gen.Byte[97, 102].Array[0, 20_000]));

    private static readonly Gen<Digest> Digests = Gen.ULong.Select(static number => new Digest(number, ~number, 1, 2));

    /// <summary>Any answer at all.</summary>
    public static Gen<StoredResponse> Responses { get; } = Gen.Select(
        Gen.Select(Gen.Int[100, 999], Field.Array[0, 20], Body, Text.Array[0, 4], Digests),
        Gen.Select(Gen.Long, Gen.Long, Gen.Long, Gen.Long, Gen.Long),
        Gen.Select(Text, Text, Text, Text, Gen.Int[0, 127]),
        static (what, times, texts) => new StoredResponse
        {
            Status = what.Item1,
            Fields = what.Item2,
            Body = what.Item3,
            VaryNames = what.Item4,
            VaryDigest = what.Item5,
            ReceivedAt = times.Item1,
            InitialAge = times.Item2,
            Lifetime = times.Item3,
            StaleWhileRevalidate = times.Item4,
            StaleIfError = (texts.Item5 & 1) == 0 ? null : times.Item5,
            Endpoint = texts.Item1,
            Model = (texts.Item5 & 2) == 0 ? null : texts.Item2,
            ETag = (texts.Item5 & 4) == 0 ? null : texts.Item3,
            LastModified = (texts.Item5 & 8) == 0 ? null : texts.Item4,
            MustBeValidated = (texts.Item5 & 16) != 0,
            MustNotBeStale = (texts.Item5 & 32) != 0,
            IsStream = (texts.Item5 & 64) != 0,
        });

    public static CacheKey Key(string path = "/v1/models", Guid? project = null, string provider = "openai") =>
        CacheKey.Of(
            project ?? new Guid("0198c0de-0000-7000-8000-000000000001"), provider, "GET", path, string.Empty, null);

    /// <summary>An answer that is fresh for an hour.</summary>
    public static StoredResponse Response(
        string body = "{}", string endpoint = "/v1/models", string? model = null, string variant = "")
    {
        return new StoredResponse
        {
            Status = 200,
            Fields = [new("Content-Type", "application/json"), new("Set-Name", new StringValues(["a", "", "b"]))],
            Body = System.Text.Encoding.UTF8.GetBytes(body),
            ReceivedAt = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
            InitialAge = 0,
            Lifetime = 3_600_000,
            VaryNames = variant.Length == 0 ? [] : ["accept-language"],
            VaryDigest = Digest.Of(System.Text.Encoding.UTF8.GetBytes(variant)),
            Endpoint = endpoint,
            Model = model,
        };
    }

    public static MasterKey MasterKey(byte[] key, byte[]? previous = null)
    {
        var masterKey = new MasterKey(new SecretsOptions(key, previous), NullLogger<MasterKey>.Instance);
        masterKey.Open("nowhere", isNewDatabase: false);
        return masterKey;
    }

    public static void AreEqual(StoredResponse expected, StoredResponse? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Status, actual.Status);
        Assert.Equal(expected.Fields, actual.Fields);
        Assert.True(expected.Body.Span.SequenceEqual(actual.Body.Span));
        Assert.Equal(
            (expected.ReceivedAt, expected.InitialAge, expected.Lifetime, expected.StaleWhileRevalidate),
            (actual.ReceivedAt, actual.InitialAge, actual.Lifetime, actual.StaleWhileRevalidate));
        Assert.Equal(expected.StaleIfError, actual.StaleIfError);
        Assert.Equal(expected.VaryNames, actual.VaryNames);
        Assert.Equal(expected.VaryDigest, actual.VaryDigest);
        Assert.Equal(
            (expected.Endpoint, expected.Model, expected.ETag, expected.LastModified),
            (actual.Endpoint, actual.Model, actual.ETag, actual.LastModified));
        Assert.Equal(
            (expected.MustBeValidated, expected.MustNotBeStale, expected.IsStream),
            (actual.MustBeValidated, actual.MustNotBeStale, actual.IsStream));
    }
}

/// <summary>Answers with other times.</summary>
internal static class StoredResponses
{
    public static StoredResponse WithTimes(
        this StoredResponse response, long receivedAt, long lifetime, long? staleIfError = null)
    {
        return new StoredResponse
        {
            Status = response.Status,
            Fields = response.Fields,
            Body = response.Body,
            ReceivedAt = receivedAt,
            InitialAge = 0,
            Lifetime = lifetime,
            VaryNames = response.VaryNames,
            VaryDigest = response.VaryDigest,
            Endpoint = response.Endpoint,
            Model = response.Model,
            MustBeValidated = response.MustBeValidated,
            MustNotBeStale = response.MustNotBeStale,
            StaleWhileRevalidate = response.StaleWhileRevalidate,
            StaleIfError = staleIfError ?? response.StaleIfError,
            ETag = response.ETag,
            LastModified = response.LastModified,
            IsStream = response.IsStream,
        };
    }
}
