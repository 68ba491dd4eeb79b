using System.Text;
using LlmProxy.Providers;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ProviderOptionsTests : IDisposable
{
    private const string TwoProviders = """
        default_api: second
        apis:
          openai:
            base_url: https://first.test
            allowed_endpoints: [/v1/x]
            allowed_methods: [GET]
          second:
            base_url: https://second.test
            allowed_endpoints: [/v1/x]
            allowed_methods: [GET]
        """;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void The_built_in_file_serves_openai_and_anthropic()
    {
        var table = Read().Table!;

        Assert.Equal("openai", table.Default.Name);
        Assert.Equal(["openai", "anthropic"], table.All.Select(static provider => provider.Name).ToArray());
    }

    [Fact]
    public async Task API_CONFIG_PATH_chooses_the_file()
    {
        var table = (await ReadFileAsync(TwoProviders)).Table!;

        Assert.Equal(("second", "https://second.test"), (table.Default.Name, table.Default.Origin));
    }

    [Fact]
    public async Task DEFAULT_API_PROVIDER_overrides_default_api()
    {
        var options = await ReadFileAsync(TwoProviders, ("DEFAULT_API_PROVIDER", "openai"));

        Assert.Equal("openai", options.Table!.Default.Name);
    }

    [Fact]
    public async Task OPENAI_API_URL_overrides_the_base_url_of_openai()
    {
        var table = (await ReadFileAsync(TwoProviders, ("OPENAI_API_URL", "http://127.0.0.1:9000/up/"))).Table!;

        Assert.Equal(("http://127.0.0.1:9000", "/up"), (table.All[0].Origin, table.All[0].BasePath));
        Assert.Equal("https://second.test", table.All[1].Origin);
    }

    [Fact]
    public async Task ALLOW_HTTP_UPSTREAM_allows_plain_http()
    {
        var yaml = TwoProviders.Replace("https:", "http:", StringComparison.Ordinal);

        var refused = await ComplaintsOfAsync(yaml);
        var allowed = await ReadFileAsync(yaml, ("ALLOW_HTTP_UPSTREAM", "true"));

        Assert.Equal(2, refused.Count);
        Assert.Equal("http://second.test", allowed.Table!.Default.Origin);
    }

    [Fact]
    public void REQUEST_TIMEOUT_bounds_every_provider()
    {
        var table = Read(("REQUEST_TIMEOUT", "3s")).Table!;

        Assert.All(table.All, static provider =>
            Assert.Equal(TimeSpan.FromSeconds(3), provider.Timeouts.ResponseHeader));
    }

    [Theory]
    [InlineData("DEFAULT_API_PROVIDER", "third", "DEFAULT_API_PROVIDER names 'third'")]
    [InlineData("OPENAI_API_URL", "http://mock:8080", "OPENAI_API_URL must be an https URL: it is plain http")]
    [InlineData("OPENAI_API_URL", "https://user@mock", "OPENAI_API_URL must be an https URL: it has a user")]
    [InlineData("ALLOW_HTTP_UPSTREAM", "perhaps", "ALLOW_HTTP_UPSTREAM must be true or false")]
    [InlineData("REQUEST_TIMEOUT", "0", "REQUEST_TIMEOUT must be a duration")]
    [InlineData("REQUEST_TIMEOUT", "30", "REQUEST_TIMEOUT must be a duration")]
    [InlineData("API_CONFIG_PATH", "/nowhere/providers.yaml", "the provider file /nowhere/providers.yaml cannot")]
    [InlineData("API_CONFIG_PATH", "/", "API_CONFIG_PATH: the provider file / cannot be read")]
    public async Task A_wrong_setting_is_named(string name, string value, string complaint)
    {
        var complaints = await ComplaintsOfAsync(TwoProviders, (name, value));

        Assert.Contains(complaint, Assert.Single(complaints), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OPENAI_API_URL_without_openai_is_no_dead_setting()
    {
        var yaml = TwoProviders.Replace("openai:", "first:", StringComparison.Ordinal);

        var complaint = Assert.Single(await ComplaintsOfAsync(yaml, ("OPENAI_API_URL", "https://x.test")));

        Assert.Contains("OPENAI_API_URL is about the provider 'openai'", complaint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai", null)]
    [InlineData("first", "DEFAULT_API_PROVIDER must be one of first, second")]
    public async Task Without_any_default_openai_is_it_or_one_must_be_named(string first, string? complaint)
    {
        var yaml = TwoProviders.Replace("default_api: second\n", string.Empty, StringComparison.Ordinal)
            .Replace("openai:", first + ":", StringComparison.Ordinal);

        var said = (await ComplaintsOfAsync(yaml)).SingleOrDefault(string.Empty);
        var options = await ReadFileAsync(yaml);

        Assert.StartsWith(complaint ?? string.Empty, said, StringComparison.Ordinal);
        Assert.Equal(complaint is null ? "openai" : null, options.Table?.Default.Name);
    }

    [Fact]
    public async Task The_only_provider_is_the_default()
    {
        Assert.Equal("some", (await ReadFileAsync(Given.FileWith(string.Empty))).Table!.Default.Name);
    }

    [Fact]
    public async Task A_complaint_names_file_line_and_column()
    {
        var complaint = Assert.Single(await ComplaintsOfAsync(Given.FileWith("auth: basic")));

        Assert.StartsWith($"{_path}:6:11: apis.some.auth must be", complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_too_large_or_no_text_is_one_complaint()
    {
        File.WriteAllBytes(_path, new byte[1024 * 1024 + 1]);
        var tooLarge = Assert.Single(Complaints(("API_CONFIG_PATH", _path)));
        File.WriteAllBytes(_path, [0x61, 0x3a, 0xff]);
        var notText = Assert.Single(Complaints(("API_CONFIG_PATH", _path)));
        var endless = Assert.Single(Complaints(("API_CONFIG_PATH", "/dev/zero")));

        Assert.Contains("larger than 1 MiB", tooLarge, StringComparison.Ordinal);
        Assert.Contains("not UTF-8", notText, StringComparison.Ordinal);
        Assert.Contains("larger than 1 MiB", endless, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_the_file()
    {
        File.WriteAllBytes(_path, [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(TwoProviders)]);

        Assert.NotNull(Read(("API_CONFIG_PATH", _path)).Table);
    }

    private async Task<ProviderOptions> ReadFileAsync(string yaml, params (string Name, string Value)[] settings)
    {
        await File.WriteAllTextAsync(_path, yaml, Cancelled);
        return Read([("API_CONFIG_PATH", _path), .. settings]);
    }

    private async Task<IReadOnlyList<string>> ComplaintsOfAsync(
        string yaml, params (string Name, string Value)[] settings)
    {
        await File.WriteAllTextAsync(_path, yaml, Cancelled);
        return Complaints([("API_CONFIG_PATH", _path), .. settings]);
    }

    private static IReadOnlyList<string> Complaints(params (string Name, string Value)[] settings)
    {
        var reader = ReaderOf(settings);
        ProviderOptions.Read(reader);
        return reader.Complaints;
    }

    private static ProviderOptions Read(params (string Name, string Value)[] settings) =>
        ProviderOptions.Read(ReaderOf(settings));

    private static SettingsReader ReaderOf((string Name, string Value)[] settings)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in settings)
        {
            environment[name] = value;
        }

        return new SettingsReader(new Dictionary<string, string?>(StringComparer.Ordinal), environment, []);
    }
}
