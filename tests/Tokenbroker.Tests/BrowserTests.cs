using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Tokenbroker.Http;
using Tokenbroker.Secrets;
using Xunit;

namespace Tokenbroker.Tests;

/// <summary>A test with the system's Chromium; where there is none it is skipped, and counted as that.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() => Skip = Browser.Refusal;
}

/// <summary>A headless browser, and a broker with a customer whose machine runs, for all tests of the class.</summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";

    /// <summary>Why there is none; null when there is.</summary>
    internal static string? Refusal { get; } = OnSqliteAttribute.Refusal
        ?? (Environment.GetEnvironmentVariable("TESTS_WITHOUT_FILTERS") == null ? null : "the host's kernel takes no filter of system calls")
        ?? (File.Exists(Program) ? null : "Chromium is not installed (deploy/dependencies installs it for root)");

    private IPlaywright playwright = null!;
    private IBrowser browser = null!;

    internal CustomerStand Stand { get; private set; } = null!;

    /// <summary>The customer's API key.</summary>
    internal string Key { get; private set; } = "";

    public async Task InitializeAsync()
    {
        if (Refusal is not null)
            return;
        Environment.SetEnvironmentVariable("PLAYWRIGHT_DRIVER_SEARCH_PATH", typeof(Browser).Assembly
            .GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "PlaywrightDriver").Value);
        Stand = await CustomerStand.Open("sqlite");
        Key = Stand.Shop.AddKey(Stand.Shop.Customer, [.. ApiKeys.OfCustomers]);
        Stand.Node.Boot(Convert.FromHexString(Stand.Shop.Buy(Stand.Shop.Customer).BootToken));
        playwright = await Playwright.CreateAsync();
        browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = Program });
    }

    /// <summary>The broker's page in a tab of its own, before anybody has signed in.</summary>
    internal async Task<IPage> Open(string path = "")
    {
        IPage page = await browser.NewPageAsync();
        page.SetDefaultTimeout(20_000);
        await page.GotoAsync($"{Stand.Url}{path}");
        return page;
    }

    public async Task DisposeAsync()
    {
        if (Refusal is not null)
            return;
        await browser.DisposeAsync();
        playwright.Dispose();
        await Stand.DisposeAsync();
    }
}

/// <summary>The web page as people meet it: without a mouse, in the dark, on small screens, read aloud.</summary>
public sealed class BrowserTests(Browser browser) : IClassFixture<Browser>
{
    private const int MaxTabs = 40;

    [BrowserFact]
    public async Task The_filled_page_breaks_no_rule_of_accessibility_in_any_light_and_on_any_screen()
    {
        IPage page = await browser.Open();
        await Show(page, 320, ColorScheme.Dark);
        await AssertAccessible(page);
        await Show(page, 1280, ColorScheme.Light);
        await AssertAccessible(page);
        await SignIn(page);
        Assert.Contains("running", await page.InnerTextAsync("#machines tbody"), StringComparison.Ordinal);
        Assert.Contains("n2", await page.InnerTextAsync("#nodes tbody"), StringComparison.Ordinal);
        Assert.Contains("purchase", await page.InnerTextAsync("#ledger tbody"), StringComparison.Ordinal);
        foreach (ColorScheme scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (int width in (int[])[1280, 320])
            {
                await Show(page, width, scheme);
                await AssertAccessible(page);
            }
        }
        await page.CloseAsync();
    }

    /// <summary>Shows the page as on such a screen; nothing has to be scrolled aside to be read.</summary>
    private static async Task Show(IPage page, int width, ColorScheme scheme)
    {
        await page.SetViewportSizeAsync(width, 800);
        await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = scheme });
        Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= width);
        bool isDark = await page.EvaluateAsync<bool>(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 128)");
        Assert.Equal(scheme == ColorScheme.Dark, isDark);
    }

    [BrowserFact]
    public async Task A_machine_is_bought_and_paid_by_keyboard_alone()
    {
        IPage page = await browser.Open();
        await SignIn(page);
        await TabTo(page, "#loader");
        await page.Keyboard.TypeAsync(Shop.Loader);
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForSelectorAsync("#bought pre");
        Assert.Equal("bought", await page.EvaluateAsync<string>("document.activeElement.id"));
        string[] secrets = (await page.InnerTextAsync("#bought pre")).Split('\n');
        byte[] token = Convert.FromHexString(secrets[0].Split(' ')[^1]);
        browser.Stand.Node.Boot(token);
        Assert.True(Wire.BootToken.TryParse(token, out Wire.BootToken bought));
        string name = Convert.ToHexStringLower(bought.ChainEnd.Bytes);
        await AssertAccessible(page); // with what was bought on it

        await TabTo(page, "[aria-label='Tokens for machine 2']");
        await page.Keyboard.PressAsync("Control+A");
        await page.Keyboard.TypeAsync("3");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForSelectorAsync("#machines tr:has-text('1,300')"); // units, as the node says
        Assert.Equal(13, browser.Stand.Node.Paid(name));
        Assert.Equal("", await page.InnerTextAsync("#message"));
        await page.CloseAsync();
    }

    [BrowserFact]
    public async Task What_the_API_has_is_tried_on_its_page_by_keyboard_alone()
    {
        IPage page = await browser.Open("/api");
        await page.WaitForSelectorAsync("#operations > details");
        Assert.Equal(Api.Endpoints.Count, await page.Locator("#operations > details").CountAsync());
        await TabTo(page, "#key");
        await page.Keyboard.TypeAsync(browser.Key);
        await Send("GET /v1/plans", body: null);
        Assert.StartsWith("200", await Answer("GET /v1/plans"), StringComparison.Ordinal);
        Assert.Contains("\"small\"", await Answer("GET /v1/plans"), StringComparison.Ordinal);

        // A quote costs nothing; sent again as it is, it is the same one.
        const string Quote = "POST /v1/quotes";
        await Send(Quote, """{"plan":"small","tokens":7}""");
        string first = await Answer(Quote);
        Assert.StartsWith("201", first, StringComparison.Ordinal);
        Assert.Contains("\"amount\": 700", first, StringComparison.Ordinal);
        await page.Keyboard.PressAsync("Enter"); // where the focus is: Send
        await page.WaitForSelectorAsync("details[open] [role=status] p:has-text('answered before')");
        Assert.Equal(first[first.IndexOf('{', StringComparison.Ordinal)..],
            (await Answer(Quote))[(await Answer(Quote)).IndexOf('{', StringComparison.Ordinal)..]);

        // Who may not is told why, and so is who wrote nonsense.
        await Send("GET /v1/audit", body: null);
        Assert.StartsWith("403", await Answer("GET /v1/audit"), StringComparison.Ordinal);
        await Send(Quote, """{"plan":3}""");
        await page.WaitForSelectorAsync("details[open] [role=status] p:has-text('400')");
        foreach (ColorScheme scheme in (ColorScheme[])[ColorScheme.Light, ColorScheme.Dark])
        {
            foreach (int width in (int[])[1280, 320])
            {
                await Show(page, width, scheme);
                await AssertAccessible(page);
            }
        }
        await page.CloseAsync();

        ILocator Operation(string name) =>
            page.Locator("#operations > details", new PageLocatorOptions { Has = page.Locator($"summary > code:text-is('{name}')") });
        async Task<string> Answer(string name)
        {
            ILocator answer = Operation(name).Locator("[role=status]");
            await answer.Locator("p").WaitForAsync();
            return await answer.InnerTextAsync();
        }
        async Task Send(string name, string? body)
        {
            ILocator operation = Operation(name);
            if (!await operation.EvaluateAsync<bool>("details => details.open"))
            {
                await operation.Locator("> summary").FocusAsync();
                await page.Keyboard.PressAsync("Enter");
            }
            if (body is not null)
            {
                await operation.Locator("textarea").FocusAsync();
                await page.Keyboard.PressAsync("Control+A");
                await page.Keyboard.TypeAsync(body);
            }
            await TabTo(page, $"[aria-label='Send {name}']");
            await page.Keyboard.PressAsync("Enter");
        }
    }

    private async Task SignIn(IPage page)
    {
        await TabTo(page, "#key");
        await page.Keyboard.TypeAsync(browser.Key);
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForSelectorAsync("#account:not([hidden]) #machines tbody tr");
    }

    /// <summary>Presses Tab until the control has the focus.</summary>
    private static async Task TabTo(IPage page, string selector)
    {
        for (int tabs = 0; tabs < MaxTabs; tabs++)
        {
            await page.Keyboard.PressAsync("Tab");
            if (await page.EvaluateAsync<bool>("selector => document.activeElement.matches(selector)", selector))
                return;
        }
        Assert.Fail($"{MaxTabs} times Tab do not lead to {selector}");
    }

    private static async Task AssertAccessible(IPage page)
    {
        AxeResult result = await page.RunAxe();
        IEnumerable<string> found = result.Violations.Select(item =>
            $"{item.Id}: {item.Help} {string.Join(' ', item.Nodes.Select(node => node.Html))}");
        Assert.Equal([], found);
        Assert.NotEmpty(result.Passes);
    }
}
